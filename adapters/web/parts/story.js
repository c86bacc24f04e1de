// The story as one page of a book. It keeps its own list and takes changes, so that a new passage or a growing
// draft costs one element, however long the story is. All text goes through {{ }}: it is never read as HTML.
const SENTENCE_END = /[。！？!?」』\n](?![。！？!?」』）)])/g;
const NEAR_END_PX = 240;
const KEPT_ANNOUNCEMENTS = 12;

export default {
  template: `
    <section class="tz-story" :aria-label="words.story">
      <p v-if="!passages.length && !drafts.length" class="tz-empty">{{ words.empty }}</p>
      <article v-for="(p, i) in passages" :key="p.id" :class="classes(p, i)" :aria-label="p.name">
        <span class="tz-who"><span class="tz-name" :class="{ 'tz-seal': p.hue === null }">{{ p.name }}</span></span>
        <p class="tz-text">{{ edges(p.text) }}</p>
        <details v-if="p.choices.length" class="tz-choices">
          <summary>{{ words.choices }}</summary>
          <p v-for="c in p.choices" class="tz-text">{{ edges(c) }}</p>
        </details>
      </article>
      <article v-for="d in drafts" :key="d.id" class="tz-passage tz-model tz-draft" :data-state="d.state">
        <span class="tz-who"><span class="tz-name tz-seal">{{ words.model }}</span></span>
        <p v-if="d.text || live(d)" class="tz-text">{{ edges(d.text) }}<span
          v-if="live(d)" class="tz-brush" aria-hidden="true"></span></p>
        <p v-for="c in d.choices" class="tz-text tz-other">{{ edges(c) }}</p>
        <p class="tz-foot" v-if="d.note || live(d)">
          <span class="tz-note">{{ d.note }}</span>
          <button v-if="live(d)" type="button" class="tz-stop" @click="$emit('stop')">{{ words.stop }}</button>
        </p>
      </article>
      <button v-if="behind" type="button" class="tz-newer" @click="toEnd">↓ {{ words.newer }}</button>
      <div class="tz-unseen" role="log" aria-live="polite" aria-relevant="additions">
        <p v-for="s in said" :key="s.key">{{ s.text }}</p>
      </div>
    </section>`,
  props: { initial: Object, words: Object },
  emits: ["stop"],
  data() {
    return {
      passages: [...this.initial.append],
      drafts: [...this.initial.drafts],
      said: [],
      behind: false,
    };
  },
  created() {
    this.spoken = new Map(); // draft id -> characters read out so far
    this.count = 0;
    this.onScroll = () => {
      if (this.nearEnd()) this.behind = false;
    };
  },
  mounted() {
    window.addEventListener("scroll", this.onScroll, { passive: true });
    this.$nextTick(this.toEnd);
  },
  unmounted() {
    window.removeEventListener("scroll", this.onScroll);
  },
  methods: {
    update(change) {
      const follow = this.nearEnd();
      if (change.rewrite) this.passages = [];
      const known = new Set(this.passages.map((p) => p.id));
      const added = change.append.filter((p) => !known.has(p.id));
      this.passages.push(...added);
      this.drafts = this.drafts.filter((d) => !change.drop.includes(d.id));
      change.drafts.forEach(this.takeDraft);
      if (!change.rewrite) added.forEach((p) => this.announcePassage(p, change.drop));
      change.drop.forEach((id) => this.spoken.delete(id));
      if (follow) this.$nextTick(this.toEnd);
      else this.behind = this.behind || added.length > 0 || change.drafts.length > 0;
    },
    takeDraft(draft) {
      const at = this.drafts.findIndex((d) => d.id === draft.id);
      if (at < 0) this.drafts.push(draft);
      else this.drafts.splice(at, 1, draft);
      this.announceDraft(draft);
    },
    // A screen reader hears whole sentences, each once: the growing text itself is not a live region.
    announceDraft(draft) {
      const ends = [...draft.text.matchAll(SENTENCE_END)];
      const end = ends.length ? ends[ends.length - 1].index + 1 : 0;
      const from = this.spoken.get(draft.id) ?? 0;
      if (end > from) this.say(draft.text.slice(from, end));
      this.spoken.set(draft.id, Math.max(from, end));
      if (draft.note && draft.note !== this.lastNote) this.say(draft.note);
      this.lastNote = draft.note;
    },
    announcePassage(passage, drop) {
      if (passage.hue === null && drop.length) {
        const from = Math.max(0, ...drop.map((id) => this.spoken.get(id) ?? 0));
        this.say(passage.text.slice(from));
      } else {
        this.say(`${passage.name}: ${passage.text}`);
      }
    },
    say(text) {
      if (!text.trim()) return;
      this.said.push({ key: this.count++, text });
      this.said.splice(0, this.said.length - KEPT_ANNOUNCEMENTS);
    },
    classes(passage, index) {
      const before = this.passages[index - 1];
      return {
        "tz-passage": true,
        "tz-model": passage.hue === null,
        ["tz-hue-" + passage.hue]: passage.hue !== null,
        "tz-same": before && before.name === passage.name && before.hue === passage.hue,
      };
    },
    // Blank lines at the edges of a passage only say where a paragraph begins; the page already shows that.
    edges(text) {
      return text.replace(/^\n+|\n+$/g, "");
    },
    live(draft) {
      return draft.state === "waiting" || draft.state === "writing";
    },
    nearEnd() {
      const page = document.documentElement;
      return window.innerHeight + window.scrollY >= page.scrollHeight - NEAR_END_PX;
    },
    toEnd() {
      window.scrollTo({ top: document.documentElement.scrollHeight });
      this.behind = false;
    },
  },
};
