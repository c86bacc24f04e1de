// The story as one page of a book. It keeps its own list and takes changes, so that a new passage or a growing
// draft costs one element, however long the story is. All text goes through {{ }}: it is never read as HTML.
import { arrowKeys, fitting, keepDraft, offline, onConnection, online, recallDraft, TextLength } from "tsuzuki";

const SENTENCE_END = /[。！？!?」』\n](?![。！？!?」』）)])/g;
const JAPANESE = /[\u3040-\u30ff\u3400-\u9fff]/;
const PIECES = { aside: "tz-aside", emphasis: "tz-is-emphasis", note: "tz-is-note" };
const AT_END_PX = 8;
const KEPT_ANNOUNCEMENTS = 12;
const UPWARDS = ["ArrowUp", "PageUp", "Home"];

const EDITOR = `
          <textarea v-model="typed" :aria-label="words.text" name="edit" lang="ja" @keydown="editorKey"></textarea>
          <TextLength :text="typed" :limit="room" />
          <span class="tz-row">
            <button type="submit" class="tz-small tz-main" v-bind="off">{{ words.save }}</button>
            <button type="button" class="tz-small" @click="leave">{{ discarding ? words.discard_sure : words.leave }}</button>
            <button v-if="discarding" type="button" class="tz-small" @click="goOn">{{ words.write_on }}</button>
          </span>`;

export default {
  components: { TextLength },
  template: `
    <section class="tz-story" :aria-label="words.story">
      <p v-if="!passages.length && !drafts.length" class="tz-empty">{{ words.empty }}</p>
      <template v-for="{ p, i, d } in lines" :key="p ? p.id : 'draft ' + d.id">
      <article v-if="p" :class="classes(p, i)" :aria-label="p.name" :data-id="p.id">
        <span class="tz-who" :title="p.name"><span class="tz-name" :class="{ 'tz-seal': p.hue === null }">{{ p.name }}</span></span>

        <form v-if="editing === p.id" class="tz-editor" @submit.prevent="save">
${EDITOR}
        </form>
        <div v-else-if="comparing(p)" class="tz-compare" role="group" :aria-label="words.choose_one">
          <div v-for="(v, n) in p.versions" :key="v.id" class="tz-column" :class="{ 'tz-current': v.id === p.id }">
            <p class="tz-text" :lang="tongue(v.text)">{{ edges(v.text) }}</p>
            <button type="button" class="tz-small" v-bind="off" :aria-label="words.take_this + ' ' + (n + 1)"
                    @click="take(p, v.id)">{{ words.take_this }}</button>
          </div>
        </div>
        <p v-else-if="shaded(p)" class="tz-text tz-shaded" :lang="tongue(seen(p).text)"><span v-for="(t, n) in shaded(p)" :key="n"
          @pointerenter="turn" @focus="turn" :class="{ 'tz-token': t.percent !== null }" :tabindex="t.percent === null ? null : 0"
          :style="t.percent === null ? null : { '--doubt': 1 - t.percent / 100 }">{{ t.text }}<span
          v-if="t.percent !== null" class="tz-odds" role="note"><b>{{ odds_(t.percent) }}</b><span
          v-for="o in t.top"><i>{{ o.text }}</i>{{ odds_(o.percent) }}</span></span></span></p>
        <p v-else-if="seen(p).pieces.length" class="tz-text" :lang="tongue(seen(p).text)"><span v-for="(t, n) in seen(p).pieces" :key="n" :class="PIECES[t.kind]"
          :title="t.kind === 'aside' ? words.aside : null"><ruby
          v-if="t.kind === 'ruby'">{{ t.text }}<rp>（</rp><rt>{{ t.reading }}</rt><rp>）</rp></ruby><template
          v-else-if="t.kind === 'note'">{{ t.text }}<small>［{{ t.reading }}］</small></template><template v-else>{{ t.text }}</template></span></p>
        <p v-else class="tz-text" :lang="tongue(seen(p).text)">{{ edges(seen(p).text) }}</p>

        <div v-if="editing !== p.id && (p.versions.length || p.edited)" class="tz-under">
          <span v-if="p.versions.length" class="tz-versions" role="group" :aria-label="words.versions">
            <template v-if="!comparing(p)">
              <button type="button" class="tz-flip" :aria-label="words.earlier" :aria-disabled="at(p) === 0"
                      @click="flip(p, -1)">‹</button>
              <span class="tz-count" aria-live="polite">{{ at(p) + 1 }}/{{ p.versions.length }}</span>
              <button type="button" class="tz-flip" :aria-label="words.later"
                      :aria-disabled="at(p) === p.versions.length - 1" @click="flip(p, 1)">›</button>
              <button v-if="seen(p).id !== p.id" type="button" class="tz-small tz-main" v-bind="off"
                      @click="take(p, seen(p).id)">{{ words.take_this }}</button>
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
          <span v-if="menu === p.id" class="tz-menu" @keydown.esc="leaveMenu" @keydown="arrowKeys" @click.stop>
            <button type="button" v-bind="off" @click="act({ do: 'branch', passage: p.id })">{{ words.branch }}</button>
            <button v-if="p.owner === me" type="button" @click="edit(p)">{{ words.edit }}</button>
            <button v-if="p.hue === null" type="button" v-bind="shaded(p) ? {} : off" @click="odds(p)">
              {{ shaded(p) ? words.hide_odds : words.odds }}</button>
            <button v-if="p.owner === me" type="button" class="tz-grave" v-bind="off" @click="remove(p)">
              {{ sure === p.id ? words.delete_sure : words.delete }}</button>
          </span>
        </span>
      </article>
      <article v-else class="tz-passage tz-model tz-draft" :data-state="d.state">
        <span class="tz-who"><span class="tz-name tz-seal">{{ words.model }}</span></span>
        <div v-if="d.choices.length" class="tz-compare">
          <div v-for="(text, n) in [d.text, ...d.choices]" :key="n" class="tz-column">
            <p class="tz-text" :lang="tongue(text)">{{ edges(text) }}<span v-if="live(d)" class="tz-brush" aria-hidden="true"></span></p>
          </div>
        </div>
        <p v-else-if="d.text || live(d)" class="tz-text" :lang="tongue(d.text)">{{ edges(d.text) }}<span
          v-if="live(d)" class="tz-brush" aria-hidden="true"></span></p>
        <p class="tz-foot" v-if="d.note || live(d)">
          <span v-if="live(d) && d.asker" class="tz-asker">{{ words.asked_by.replace("{name}", d.asker) }}</span>
          <span class="tz-note">{{ d.note }}</span>
          <button v-if="live(d)" type="button" class="tz-stop" v-bind="off"
                  @click="act({ do: 'stop', job: d.job })">{{ words.stop }}</button>
        </p>
      </article>
      </template>
      <p v-if="act_" ref="act" class="tz-act" role="status" tabindex="-1"><span>{{ told(act_) }}</span>
        <button v-if="mayTakeBack(act_)" type="button" class="tz-small" v-bind="off"
                @click="act({ do: 'take_back', act: act_.id })">{{ words.take_back }}</button></p>
      <form v-if="stray" class="tz-editor tz-stray" @submit.prevent="save">
        <p class="tz-note" role="status">{{ words.stray }}</p>
${EDITOR}
      </form>
      <Teleport v-if="behind" to=".tz-composer .tz-tools">
        <button type="button" class="tz-newer" @click="toEnd">↓ {{ words.newer }}</button>
      </Teleport>
      <div class="tz-unseen" role="log" aria-live="polite" aria-relevant="additions">
        <p v-for="s in said" :key="s.key">{{ s.text }}</p>
      </div>
    </section>`,
  props: { initial: Object, words: Object, me: Number, place: String, limits: Object },
  emits: ["act", "scores"],
  data() {
    return {
      PIECES,
      passages: [...this.initial.passages],
      drafts: [...this.initial.drafts],
      ends: this.initial.standing?.ends ?? [], // the passages that the story counts as ending with
      said: [],
      behind: false,
      connected: true,
      act_: null, // what somebody did last that everybody sees
      menu: null, // the passage whose menu is open
      sure: null, // the passage that is deleted at the next click
      editing: null,
      typed: "",
      begun: "", // what the passage read when the editor was opened
      discarding: false, // what was changed is thrown away at the next click
      viewed: {}, // passage id -> id of the version that this page looks at instead
      opened: {}, // passage id -> whether its versions lie side by side here, where that was changed by hand
      shades: {}, // id of a passage or version -> its text in pieces with probabilities
    };
  },
  created() {
    this.sent = null; // what the editor held when it was last saved
    this.spoken = new Map(); // draft id -> characters read out so far
    this.count = 0;
    this.following = true; // the page goes along with what is new, until the reader goes back
    this.aim = null; // where the page was last made to go, until it is there
    this.top = this.height = 0; // where the page stood, and how long it was, at the last scroll
    this.listeners = [
      [window, "scroll", this.onScroll],
      [window, "wheel", (event) => event.deltaY < 0 && this.goesBack()],
      [window, "keydown", (event) => UPWARDS.includes(event.key) && !event.target.matches("input, textarea, select") && this.goesBack()],
      [document, "click", () => this.closeMenu()],
    ];
    // A box that grows while somebody types must not hide the end of the story.
    this.resized = new ResizeObserver(() => this.following && this.follow());
  },
  mounted() {
    for (const [where, what, then] of this.listeners) where.addEventListener(what, then, { passive: true });
    const composer = document.querySelector(".tz-composer");
    if (composer) this.resized.observe(composer);
    this.unwatch = onConnection((connected) => (this.connected = connected));
    this.editAgain();
    if (this.editing === null) this.$nextTick(this.toEnd);
  },
  unmounted() {
    for (const [where, what, then] of this.listeners) where.removeEventListener(what, then);
    this.resized.disconnect();
    this.unwatch();
  },
  watch: {
    typed() {
      if (!this.editing) return;
      const changed = this.typed !== this.begun;
      keepDraft(this.key_(), changed ? { passage: this.editing, text: this.typed, begun: this.begun } : null);
    },
  },
  computed: {
    off() {
      return offline(this.connected, this.words.cut);
    },
    // Passages and drafts as they stand: a draft behind its passage, or at the end.
    lines() {
      const behind = new Map(["", ...this.passages.map((p) => p.id)].map((id) => [id, []]));
      const end = [];
      for (const d of this.drafts) (behind.get(d.after) ?? end).push({ d });
      return [...behind.get(""), ...this.passages.flatMap((p, i) => [{ p, i }, ...behind.get(p.id)]), ...end];
    },
    // What came with a file is longer than people may type, and its typing errors are mended here, too.
    room() {
      const { text, long_text } = this.limits;
      return [...this.begun].length > text ? long_text : text;
    },
    // The passage that is being edited left the story: its editor stays all the same.
    stray() {
      return this.editing !== null && !this.passages.some((p) => p.id === this.editing);
    },
  },
  methods: {
    arrowKeys,
    // What the room tells

    update(change) {
      const held = this.held();
      const length = this.passages.length;
      const added = change.start === null ? [] : this.takePassages(change.start, change.passages);
      this.ends = change.standing?.ends ?? this.ends;
      this.drafts = this.drafts.filter((d) => !change.drop.includes(d.id));
      change.drafts.forEach(this.takeDraft);
      added.forEach((p) => this.announcePassage(p, change.drop));
      if (this.passages.length < length && !change.act) this.say(this.words.shorter);
      if (change.act) this.act_ = change.act;
      else if (added.length) this.act_ = null; // the story goes on: that is history now
      change.drop.forEach((id) => this.spoken.delete(id));
      // Whoever wrote wants to see it stand there.
      if (added.some((p) => p.owner === this.me && p.hue !== null)) this.following = true;
      this.$nextTick(() => this.hold(held));
      this.behind = !this.following && (this.behind || added.length > 0 || change.drafts.length > 0 || Boolean(change.act));
      this.$nextTick(this.following ? this.follow : this.arriveAtEnd);
    },
    // Returns the passages that the page did not show before.
    takePassages(start, passages) {
      const before = new Map(this.passages.map((p) => [p.id, p]));
      this.passages.splice(start, this.passages.length - start, ...passages);
      passages.forEach((p, n) => {
        delete this.viewed[p.id];
        this.fold(before.get(p.id), p, n + 1 < passages.length);
      });
      this.forget();
      return passages.filter((p) => !before.has(p.id));
    },
    // Candidates lie open until somebody chooses. Where somebody writes on instead, the first stands: that is said,
    // and whoever was reading the others goes on reading.
    fold(before, now, wroteOn) {
      if (!before || before.compare === now.compare) return;
      if (wroteOn && before.compare && this.comparing(before)) {
        this.opened[now.id] = true;
        this.say(this.words.first_stands);
      } else {
        delete this.opened[now.id];
      }
    },
    takeDraft(draft) {
      const at = this.drafts.findIndex((d) => d.id === draft.id);
      if (at < 0) this.drafts.push(draft);
      else this.drafts.splice(at, 1, draft);
      this.announceDraft(draft);
    },
    // What was written on since it was sent is not taken yet.
    edited(id) {
      if (this.editing !== id) return;
      if (this.typed === this.sent) this.shut();
      else this.begun = this.sent;
    },
    shade(id, pieces) {
      this.shades[id] = pieces;
    },

    // What was done, in words; of a deleted passage only its writer takes that back.
    told(act) {
      if (act.taken_back) return this.words.taken_back;
      return this.words["act_" + act.kind].replace(/\{(\w+)\}/g, (whole, name) => act[name] ?? whole);
    },
    mayTakeBack(act) {
      return !act.taken_back && (act.kind !== "delete" || act.owner === this.me);
    },

    // What a person does

    act(payload) {
      const menu = document.activeElement?.closest(".tz-more-menu");
      menu?.querySelector(".tz-dots").focus({ preventScroll: true }); // the entry goes with its menu
      this.closeMenu();
      if (online()) this.$emit("act", fitting(payload));
    },
    toggleMenu(p) {
      const open = this.menu !== p.id;
      this.closeMenu();
      if (!open) return;
      this.menu = p.id;
      this.$nextTick(() => this.$el.querySelector(".tz-menu button")?.focus({ preventScroll: true }));
    },
    closeMenu() {
      this.menu = this.sure = null;
    },
    leaveMenu(event) {
      event.currentTarget.parentElement.querySelector(".tz-dots").focus();
      this.closeMenu();
    },
    key_() {
      return "tsuzuki-edit:" + this.place;
    },
    edit(p) {
      if (this.editing && this.typed !== this.begun) return this.openEditor(); // one at a time: that one first
      this.openEditor(p.id, p.text, p.text);
    },
    openEditor(id = this.editing, begun = this.begun, typed = this.typed) {
      Object.assign(this, { editing: id, begun, typed, discarding: false });
      this.goesBack(); // what others write must not move what somebody is writing in
      this.closeMenu();
      this.$nextTick(() => this.$el.querySelector(".tz-editor textarea")?.focus());
    },
    // A page that loads again, after a lost connection say, opens the editor that was open.
    editAgain() {
      const draft = recallDraft(this.key_());
      if (draft) this.openEditor(draft.passage, draft.begun, draft.text);
    },
    // While a Japanese input method composes, Enter and Escape belong to it.
    editorKey(event) {
      if (event.isComposing) return;
      if (event.key === "Escape") this.discarding ? this.goOn() : this.leave();
      else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.save();
    },
    save() {
      this.sent = this.typed;
      this.act({ do: "edit", passage: this.editing, text: this.typed });
    },
    // What was changed is thrown away only when that was asked for twice.
    leave() {
      if (this.typed !== this.begun && !this.discarding) this.discarding = true;
      else this.shut();
    },
    goOn() {
      this.discarding = false;
      this.$el.querySelector(".tz-editor textarea").focus();
    },
    shut() {
      const edited = this.$el.querySelector(`[data-id="${this.editing}"]`);
      keepDraft(this.key_(), null);
      this.editing = null;
      this.discarding = false;
      this.$nextTick(() => {
        edited?.querySelector(".tz-dots")?.focus({ preventScroll: true });
        this.arriveAtEnd();
      });
    },
    remove(p) {
      if (!online()) return;
      if (this.sure === p.id) this.act({ do: "delete", passage: p.id });
      else this.sure = p.id;
    },
    odds(p) {
      const id = this.seen(p).id;
      if (this.shaded(p)) delete this.shades[id];
      else if (online()) this.$emit("scores", { passage: id });
      this.closeMenu();
    },
    // Shades belong to the text that they were made of: nothing is shaded that reads otherwise by now.
    shaded(p) {
      const { id, text } = this.seen(p);
      const pieces = this.shades[id];
      return pieces && pieces.map((t) => t.text).join("") === this.edges(text) ? pieces : null;
    },
    // What was drawn was possible, however seldom: never 0 %.
    odds_(percent) {
      return percent < 0.1 ? "< 0.1 %" : `${percent} %`;
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
    take(p, id) {
      if (!online()) return;
      delete this.opened[p.id];
      this.act({ do: this.ends.includes(p.id) ? "choose" : "branch", passage: id });
    },

    // A button that goes with what it did leaves the focus at its passage, or at the one that is there now, or at
    // the line that says what was done. One that moves with its draft keeps it.
    held() {
      const articles = [...this.$el.querySelectorAll(".tz-passage")];
      const button = document.activeElement;
      const index = articles.findIndex((article) => article.contains(button));
      return { button, index, acting: Boolean(button.closest(".tz-act")) };
    },
    hold({ button, index, acting }) {
      if (document.activeElement !== document.body || (index < 0 && !acting)) return;
      const articles = [...this.$el.querySelectorAll(".tz-passage")].slice(0, acting ? undefined : index + 1);
      const dots = articles.map((article) => article.querySelector(".tz-dots")).filter(Boolean);
      const line = acting ? this.$refs.act : null;
      const there = line ?? (button.isConnected ? button : dots.pop() ?? document.getElementById("tz-text"));
      there.focus({ preventScroll: true });
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
        "tz-same": before && before.name === passage.name && before.hue === passage.hue && !this.drafts.some((d) => d.after === before.id),
        "tz-menu-open": this.menu === passage.id,
      };
    },
    // Blank lines at the edges of a passage only say where a paragraph begins; the page already shows that.
    edges(text) {
      return text.replace(/^\n+|\n+$/g, "");
    },
    // On a page in another language, a reader's voice and the fonts need to know that this is Japanese.
    tongue(text) {
      return JAPANESE.test(text) ? "ja" : null;
    },
    live(draft) {
      return draft.state === "waiting" || draft.state === "writing";
    },

    // Where the page stands. A reader who goes back is left alone until they come to the end again.

    onScroll() {
      const { scrollHeight } = document.documentElement;
      const top = window.scrollY;
      const shrunk = scrollHeight < this.height; // an undo: the browser had to move, not the reader
      if (this.aim !== null && Math.abs(top - this.aim) < 2) this.aim = null; // ours
      else if (top < this.top - 1 && !shrunk) this.goesBack();
      else if (top > this.top && this.atEnd()) this.arrives();
      this.top = top;
      this.height = scrollHeight;
    },
    goesBack() {
      this.following = false;
      this.aim = null; // whoever comes back there comes by hand
    },
    arrives() {
      this.following = true;
      this.behind = false;
    },
    // The story became shorter, or an editor was closed: there is nothing below.
    arriveAtEnd() {
      if (this.editing === null && this.atEnd()) this.arrives();
    },
    atEnd() {
      return window.innerHeight + window.scrollY >= document.documentElement.scrollHeight - AT_END_PX;
    },
    // To the end; but candidates are read from their beginnings.
    follow() {
      const page = document.documentElement;
      const compared = [...this.$el.querySelectorAll(".tz-compare")].pop();
      const last = compared && !compared.closest(".tz-passage").nextElementSibling?.matches(".tz-passage");
      const end = page.scrollHeight - window.innerHeight;
      const start = last ? window.scrollY + compared.getBoundingClientRect().top - this.barHeight() : end;
      this.aim = Math.max(0, Math.min(start, end));
      window.scrollTo({ top: this.aim, behavior: "instant" });
    },
    barHeight() {
      return (document.querySelector(".tz-head")?.offsetHeight ?? 0) + AT_END_PX;
    },
    toEnd() {
      this.arrives();
      this.follow();
    },
  },
};
