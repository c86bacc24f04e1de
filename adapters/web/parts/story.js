// The story as one page of a book. It keeps its own list and takes changes, so that a new passage or a growing
// draft costs one element, however long the story is. All text goes through {{ }}: it is never read as HTML.
const SENTENCE_END = /[。！？!?」』\n](?![。！？!?」』）)])/g;
const NEAR_END_PX = 240;
const KEPT_ANNOUNCEMENTS = 12;

export default {
  template: `
    <section class="tz-story" :aria-label="words.story">
      <p v-if="!passages.length && !drafts.length" class="tz-empty">{{ words.empty }}</p>
      <article v-for="(p, i) in passages" :key="p.id" :class="classes(p, i)" :aria-label="p.name" :data-id="p.id">
        <span class="tz-who" :title="p.name"><span class="tz-name" :class="{ 'tz-seal': p.hue === null }">{{ p.name }}</span></span>

        <form v-if="editing === p.id" class="tz-editor" @submit.prevent="save(p)">
          <textarea v-model="typed" :aria-label="words.text" name="edit" @keydown="editorKey($event, p)"></textarea>
          <span class="tz-row">
            <button type="submit" class="tz-small tz-main">{{ words.save }}</button>
            <button type="button" class="tz-small" @click="leave">{{ words.leave }}</button>
          </span>
        </form>
        <div v-else-if="comparing(p)" class="tz-compare" role="group" :aria-label="words.choose_one">
          <div v-for="(v, n) in p.versions" :key="v.id" class="tz-column" :class="{ 'tz-current': v.id === p.id }">
            <p class="tz-text">{{ edges(v.text) }}</p>
            <button type="button" class="tz-small" :aria-label="words.take_this + ' ' + (n + 1)"
                    @click="take(p, i, v.id)">{{ words.take_this }}</button>
          </div>
        </div>
        <p v-else-if="shaded(p)" class="tz-text tz-shaded"><span v-for="(t, n) in shaded(p)" :key="n"
          @pointerenter="turn" @focus="turn" :class="{ 'tz-token': t.percent !== null }" :tabindex="t.percent === null ? null : 0"
          :style="t.percent === null ? null : { '--doubt': 1 - t.percent / 100 }">{{ t.text }}<span
          v-if="t.percent !== null" class="tz-odds" role="note"><b>{{ t.percent }} %</b><span
          v-for="o in t.top"><i>{{ o.text }}</i>{{ o.percent }} %</span></span></span></p>
        <p v-else class="tz-text"><span v-for="(l, n) in lines(p)" :key="n" :class="{ 'tz-aside': l.aside }"
          :title="l.aside ? words.aside : null">{{ l.text }}</span></p>

        <div v-if="editing !== p.id && (p.versions.length || p.edited)" class="tz-under">
          <span v-if="p.versions.length" class="tz-versions" role="group" :aria-label="words.versions">
            <template v-if="!comparing(p)">
              <button type="button" class="tz-flip" :aria-label="words.earlier" :aria-disabled="at(p) === 0"
                      @click="flip(p, -1)">‹</button>
              <span class="tz-count" aria-live="polite">{{ at(p) + 1 }}/{{ p.versions.length }}</span>
              <button type="button" class="tz-flip" :aria-label="words.later"
                      :aria-disabled="at(p) === p.versions.length - 1" @click="flip(p, 1)">›</button>
              <button v-if="seen(p).id !== p.id" type="button" class="tz-small tz-main"
                      @click="take(p, i, seen(p).id)">{{ words.take_this }}</button>
            </template>
            <button type="button" class="tz-plain" :aria-expanded="comparing(p)" @click="compare(p)">
              {{ comparing(p) ? words.fold : words.compare }}</button>
          </span>
          <span v-if="p.edited" class="tz-edited">{{ words.edited }}</span>
        </div>
        <span v-if="editing !== p.id" class="tz-more-menu">
          <button type="button" class="tz-dots" :aria-label="words.menu" aria-haspopup="true"
                  :aria-expanded="menu === p.id" @click.stop="toggleMenu(p)"
                  @keydown.esc="menu = null">⋯</button>
          <span v-if="menu === p.id" class="tz-menu" @keydown.esc="leaveMenu" @click.stop>
            <button type="button" @click="act({ do: 'branch', passage: p.id })">{{ words.branch }}</button>
            <button v-if="p.owner === me" type="button" @click="edit(p)">{{ words.edit }}</button>
            <button v-if="p.hue === null" type="button" @click="odds(p)">
              {{ shaded(p) ? words.hide_odds : words.odds }}</button>
            <button v-if="p.owner === me" type="button" class="tz-grave" @click="remove(p)">
              {{ sure === p.id ? words.delete_sure : words.delete }}</button>
          </span>
        </span>
      </article>

      <article v-for="d in drafts" :key="d.id" class="tz-passage tz-model tz-draft" :data-state="d.state">
        <span class="tz-who"><span class="tz-name tz-seal">{{ words.model }}</span></span>
        <div v-if="d.choices.length" class="tz-compare">
          <div v-for="(text, n) in [d.text, ...d.choices]" :key="n" class="tz-column">
            <p class="tz-text">{{ edges(text) }}<span v-if="live(d)" class="tz-brush" aria-hidden="true"></span></p>
          </div>
        </div>
        <p v-else-if="d.text || live(d)" class="tz-text">{{ edges(d.text) }}<span
          v-if="live(d)" class="tz-brush" aria-hidden="true"></span></p>
        <p class="tz-foot" v-if="d.note || live(d)">
          <span class="tz-note">{{ d.note }}</span>
          <button v-if="live(d)" type="button" class="tz-stop"
                  @click="act({ do: 'stop', job: d.job })">{{ words.stop }}</button>
        </p>
      </article>
      <button v-if="behind" type="button" class="tz-newer" @click="toEnd">↓ {{ words.newer }}</button>
      <div class="tz-unseen" role="log" aria-live="polite" aria-relevant="additions">
        <p v-for="s in said" :key="s.key">{{ s.text }}</p>
      </div>
    </section>`,
  props: { initial: Object, words: Object, me: Number },
  emits: ["act", "scores"],
  data() {
    return {
      passages: [...this.initial.passages],
      drafts: [...this.initial.drafts],
      said: [],
      behind: false,
      menu: null, // the passage whose menu is open
      sure: null, // the passage that is deleted at the next click
      editing: null,
      typed: "",
      viewed: {}, // passage id -> id of the version that this page looks at instead
      opened: {}, // passage id -> whether its versions lie side by side here, where that was changed by hand
      shades: {}, // id of a passage or version -> its text in pieces with probabilities
    };
  },
  created() {
    this.spoken = new Map(); // draft id -> characters read out so far
    this.count = 0;
    this.onScroll = () => {
      if (this.nearEnd()) this.behind = false;
    };
    this.onClick = () => this.closeMenu();
  },
  mounted() {
    window.addEventListener("scroll", this.onScroll, { passive: true });
    document.addEventListener("click", this.onClick);
    this.$nextTick(this.toEnd);
  },
  unmounted() {
    window.removeEventListener("scroll", this.onScroll);
    document.removeEventListener("click", this.onClick);
  },
  methods: {
    // What the room tells

    update(change) {
      const follow = this.nearEnd();
      const added = change.start === null ? [] : this.takePassages(change.start, change.passages);
      this.drafts = this.drafts.filter((d) => !change.drop.includes(d.id));
      change.drafts.forEach(this.takeDraft);
      added.forEach((p) => this.announcePassage(p, change.drop));
      change.drop.forEach((id) => this.spoken.delete(id));
      if (follow) this.$nextTick(this.toEnd);
      else this.behind = this.behind || added.length > 0 || change.drafts.length > 0;
    },
    // Returns the passages that the page did not show before.
    takePassages(start, passages) {
      const before = new Map(this.passages.map((p) => [p.id, p]));
      const shorter = start + passages.length < this.passages.length;
      this.passages.splice(start, this.passages.length - start, ...passages);
      for (const p of passages) {
        delete this.viewed[p.id];
        if (before.get(p.id)?.compare !== p.compare) delete this.opened[p.id];
      }
      this.forget();
      if (shorter) this.say(this.words.shorter);
      return passages.filter((p) => !before.has(p.id));
    },
    takeDraft(draft) {
      const at = this.drafts.findIndex((d) => d.id === draft.id);
      if (at < 0) this.drafts.push(draft);
      else this.drafts.splice(at, 1, draft);
      this.announceDraft(draft);
    },
    edited(id) {
      if (this.editing === id) this.leave();
    },
    shade(id, pieces) {
      this.shades[id] = pieces;
    },

    // What a person does

    act(payload) {
      this.$emit("act", payload);
      this.closeMenu();
    },
    toggleMenu(p) {
      const open = this.menu !== p.id;
      this.closeMenu();
      if (open) this.menu = p.id;
    },
    closeMenu() {
      this.menu = this.sure = null;
    },
    leaveMenu(event) {
      event.currentTarget.parentElement.querySelector(".tz-dots").focus();
      this.closeMenu();
    },
    edit(p) {
      this.typed = p.text;
      this.editing = p.id;
      this.closeMenu();
      this.$nextTick(() => this.$el.querySelector(".tz-editor textarea")?.focus());
    },
    // While a Japanese input method composes, Enter and Escape belong to it.
    editorKey(event, p) {
      if (event.isComposing) return;
      if (event.key === "Escape") this.leave();
      else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.save(p);
    },
    save(p) {
      this.$emit("act", window.tzFitting({ do: "edit", passage: p.id, text: this.typed }));
    },
    leave() {
      const edited = this.$el.querySelector(`[data-id="${this.editing}"]`);
      this.editing = null;
      this.$nextTick(() => edited?.querySelector(".tz-dots")?.focus({ preventScroll: true }));
    },
    remove(p) {
      if (this.sure === p.id) this.act({ do: "delete", passage: p.id });
      else this.sure = p.id;
    },
    odds(p) {
      const id = this.seen(p).id;
      if (this.shaded(p)) delete this.shades[id];
      else this.$emit("scores", { passage: id });
      this.closeMenu();
    },
    // Shades belong to the text that they were made of: nothing is shaded that reads otherwise by now.
    shaded(p) {
      const { id, text } = this.seen(p);
      const pieces = this.shades[id];
      return pieces && pieces.map((t) => t.text).join("") === this.edges(text) ? pieces : null;
    },
    turn(event) {
      const token = event.currentTarget.getBoundingClientRect();
      const story = this.$el.getBoundingClientRect();
      event.currentTarget.classList.toggle("tz-odds-left", token.left > story.left + story.width / 2);
    },

    // Versions of a passage: looking at one changes nothing for the others, taking it does.

    at(p) {
      const id = this.viewed[p.id] ?? p.id;
      return Math.max(0, p.versions.findIndex((v) => v.id === id));
    },
    seen(p) {
      return p.versions.length ? p.versions[this.at(p)] : p;
    },
    flip(p, by) {
      const version = p.versions[this.at(p) + by];
      if (version) this.viewed[p.id] = version.id;
    },
    comparing(p) {
      return p.versions.length > 1 && (this.opened[p.id] ?? p.compare);
    },
    compare(p) {
      this.opened[p.id] = !this.comparing(p);
    },
    take(p, index, id) {
      delete this.opened[p.id];
      this.act({ do: index === this.passages.length - 1 ? "choose" : "branch", passage: id });
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
        this.say(passage.text.slice(from), passage);
        if (passage.compare) this.say(this.words.choose_one);
      } else {
        this.say(`${passage.name}: ${passage.text}`, passage);
      }
    },
    // What was taken back, changed or forgotten stands here no more either.
    forget() {
      const now = new Map(this.passages.map((p) => [p.id, p.text]));
      this.said = this.said.filter(({ passage }) => !passage || now.get(passage.id) === passage.text);
    },
    say(text, passage = null) {
      if (!text.trim()) return;
      this.said.push({ key: this.count++, text, passage });
      this.said.splice(0, this.said.length - KEPT_ANNOUNCEMENTS);
    },

    // How it looks

    classes(passage, index) {
      const before = this.passages[index - 1];
      return {
        "tz-passage": true,
        "tz-model": passage.hue === null,
        ["tz-hue-" + passage.hue]: passage.hue !== null,
        "tz-same": before && before.name === passage.name && before.hue === passage.hue,
        "tz-menu-open": this.menu === passage.id,
      };
    },
    // Blank lines at the edges of a passage only say where a paragraph begins; the page already shows that.
    edges(text) {
      return text.replace(/^\n+|\n+$/g, "");
    },
    // What is said beside the story looks different; all else is one piece.
    lines(p) {
      const { id, text } = this.seen(p);
      const told = this.edges(text);
      if (id !== p.id || !p.asides.length) return [{ text: told, aside: false }];
      const before = text.length - text.replace(/^\n+/, "").length;
      return told.split(/(?<=\n)/).map((line, n) => ({ text: line, aside: p.asides.includes(n + before) }));
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
