// Where a person writes. What was typed leaves the box only when the server says that it was taken.
//
// One event id stands for one thing to be done: it is drawn when the person first sends it and kept until that was
// taken, so that a second click, or a click after a lost connection, is the same event again.
import { arrowKeys, fitting, keep, keepDraft, onConnection, online, recall, recallDraft, TextLength } from "tsuzuki";

const ANSWER_TIMEOUT_MS = 10000;
const YEAR_S = 31536000;

function newId() {
  if (window.isSecureContext) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16)); // randomUUID is for https and localhost only
  return [...bytes].map((b) => b.toString(16).padStart(2, "0")).join("");
}

function keepName(name) {
  const age = name ? YEAR_S : 0;
  document.cookie = `tsuzuki_name=${encodeURIComponent(name)}; path=/; max-age=${age}; samesite=lax`;
}

export default {
  components: { TextLength },
  template: `
    <form class="tz-composer" :class="{ 'tz-start': start }" :aria-label="words.form" @submit.prevent>
      <div class="tz-fields" v-if="naming || start">
        <label v-if="start" class="tz-field tz-title"><span>{{ words.title }}</span>
          <input v-model="title" name="title" autocomplete="off" @keydown.enter.prevent></label>
        <TextLength v-if="start" :text="title.trim()" :limit="limits.title" />
        <label v-if="naming" class="tz-field"><span>{{ words.name }}</span>
          <input ref="name" v-model="typedName" name="name" maxlength="30" autocomplete="nickname"
                 @keydown.enter.prevent="named" @change="takeName"></label>
      </div>
      <div v-if="!start" class="tz-tools" role="toolbar" :aria-label="words.tools">
        <button type="button" class="tz-tool" :aria-disabled="!connected || !standing.undo" @click="step($event, 'undo')">
          <span aria-hidden="true">↶</span> <span class="tz-label">{{ words.undo }}</span></button>
        <button type="button" class="tz-tool" :aria-disabled="!connected || !standing.redo" @click="step($event, 'redo')">
          <span aria-hidden="true">↷</span> <span class="tz-label">{{ words.redo }}</span></button>
        <button type="button" class="tz-tool tz-retry" :aria-disabled="still || !standing.head"
                @click="retry($event)"><span aria-hidden="true">↻</span> <span class="tz-label">{{ words.retry }}</span></button>
        <button type="button" class="tz-tool tz-unfold" :aria-label="words.fold_tools" :title="words.fold_tools"
                :aria-expanded="unfolded" aria-controls="tz-asks" @click="unfolded = !unfolded">⋯</button>
      </div>
      <label class="tz-sheet"><span class="tz-unseen">{{ words.text }}</span>
        <textarea id="tz-text" ref="text" v-model="text" name="text" :rows="start ? 4 : 1" :placeholder="words.placeholder"
                  aria-describedby="tz-hint" @keydown="key"></textarea></label>
      <p v-if="example && !text" class="tz-example">{{ words.example_hint }}
        <span lang="ja">{{ example }}</span>
        <button type="button" class="tz-small" @click="takeExample">{{ words.use_example }}</button></p>
      <TextLength :text="text" :limit="limits.text" />
      <p v-if="!connected" class="tz-cut" role="status">{{ words.cut }}</p>
      <div class="tz-bar">
        <div id="tz-asks" class="tz-asks" :class="{ 'tz-unfolded': unfolded }" role="group" :aria-label="words.asks">
          <label v-for="a in asks" :key="a.name" class="tz-ask"><span>{{ a.label }}</span>
            <select v-model="ask[a.name]" :name="a.name" @change="remember">
              <option v-for="o in a.options" :key="o.value" :value="o.value">{{ o.label }}</option>
            </select></label>
          <label v-if="!start" class="tz-ask tz-with-odds"><input type="checkbox" v-model="scores" name="scores"
            @change="remember"> <span>{{ words.with_odds }}</span></label>
          <span v-if="!naming" class="tz-visitor">
            <button type="button" class="tz-as" :aria-label="name + ' – ' + words.visitor" :title="words.visitor"
                    aria-haspopup="true" :aria-expanded="menu" ref="as" @click="openMenu"
                    @keydown.esc="shut">{{ name }}</button>
            <span v-if="menu" class="tz-menu tz-up" @keydown.esc="leave" @keydown="arrowKeys">
              <button type="button" @click="rename">{{ words.rename }}</button>
              <button v-if="!start" type="button" class="tz-grave" @click="forget">
                {{ sure ? words.forget_sure : words.forget }}</button>
              <button type="button" @click="leave">{{ words.leave }}</button>
            </span></span>
        </div>
        <div class="tz-buttons">
          <span id="tz-hint" class="tz-hint">{{ words.hint }}</span>
          <button type="button" class="tz-write" :aria-disabled="still" @click="click($event, false)">
            {{ words.write }}</button>
          <button v-if="!start && candidates > 1" type="button" class="tz-several" :aria-disabled="still"
                  @click="click($event, true, candidates)">{{ words.several }} {{ candidates }}</button>
          <button type="button" class="tz-more" :aria-disabled="still" @click="click($event, true)">
            {{ words.more }}</button>
        </div>
      </div>
    </form>`,
  props: {
    words: Object,
    asks: Array,
    candidates: Number,
    standing: Object,
    start: Boolean,
    example: String,
    limits: Object,
    given: String,
    place: String,
  },
  emits: ["send", "name", "act"],
  data() {
    const first = Object.fromEntries(this.asks.map((a) => [a.name, a.value]));
    const kept = recall("tsuzuki-ask", {});
    const draft = recallDraft(this.key_());
    return {
      text: draft?.text ?? "",
      title: draft?.title ?? "",
      name: this.given,
      typedName: this.given,
      naming: !this.given,
      busy: false,
      connected: true,
      ask: { ...first, ...this.known(kept) },
      scores: kept.scores === true,
      menu: false, // the visitor's own
      unfolded: false, // on a narrow page: whether the choices show that are seldom made
      sure: false, // their words are taken out at the next click
    };
  },
  created() {
    this.pending = null; // what was sent and not yet taken: { id, content }
    // A phone that is turned, or the notebook beside it: the same text takes other lines.
    this.resized = new ResizeObserver(([{ contentRect }]) => {
      if (contentRect.width !== this.width) requestAnimationFrame(this.grow);
      this.width = contentRect.width;
    });
    this.onClick = (event) => {
      if (this.menu && !event.target.closest(".tz-visitor")) this.shut();
    };
  },
  mounted() {
    document.addEventListener("click", this.onClick, true);
    this.unwatch = onConnection((connected) => (this.connected = connected));
    this.resized.observe(this.$el);
    this.grow();
  },
  unmounted() {
    document.removeEventListener("click", this.onClick, true);
    this.unwatch();
    this.resized.disconnect();
  },
  computed: {
    still() {
      return this.busy || !this.connected;
    },
  },
  watch: {
    text() {
      this.keepTyped();
      this.$nextTick(this.grow);
    },
    title() {
      this.keepTyped();
    },
  },
  methods: {
    arrowKeys,
    key_() {
      return "tsuzuki-typed:" + this.place;
    },
    keepTyped() {
      const { text, title } = this;
      keepDraft(this.key_(), text || title ? { text, title } : null);
    },
    known(kept) {
      const fits = (a) => a.options.some((o) => o.value === kept[a.name]);
      return Object.fromEntries(this.asks.filter(fits).map((a) => [a.name, kept[a.name]]));
    },
    grow() {
      const box = this.$refs.text;
      if (!box) return; // the page was left
      box.style.height = "auto";
      box.style.height = box.scrollHeight + 2 + "px";
    },
    key(event) {
      // While a Japanese input method composes, Enter belongs to it.
      if (event.isComposing || event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.repeat) return;
      event.preventDefault();
      this.send(event.shiftKey);
    },
    click(event, more, candidates = 0) {
      if (event.detail > 1) return; // the second click of a double click
      this.send(more, candidates);
    },
    send(more, candidates = 0) {
      const ask = more ? this.asked(candidates) : null;
      // Of two who press with nothing written both want the same: the story's next passage.
      const after = ask && !this.text.trim() ? this.standing.head || undefined : undefined;
      this.emitted({ text: this.text, title: this.title, ask, after });
    },
    // Another continuation instead of the last one: what stands in the box stays there.
    retry(event) {
      if (event.detail > 1 || !this.standing.head) return;
      this.emitted({ text: "", title: "", ask: this.asked(0), retry: true, after: this.standing.head });
    },
    emitted(payload) {
      if (this.busy || !online()) return;
      this.takeName();
      if (!this.name) this.$refs.name?.focus();
      const content = JSON.stringify(payload);
      if (this.pending?.content !== content) this.pending = { id: newId(), content, text: payload.text };
      this.busy = true;
      clearTimeout(this.waiting);
      this.waiting = setTimeout(() => (this.busy = false), ANSWER_TIMEOUT_MS);
      this.$emit("send", fitting({ event_id: this.pending.id, name: this.name, ...payload }));
    },
    asked(candidates) {
      const open = Object.fromEntries(this.asks.map((a) => [a.name, a.value]));
      return { ...open, ...this.known(this.ask), candidates, scores: this.scores };
    },
    step(event, deed) {
      const step = deed + this.standing.head;
      if (!online() || !this.standing[deed] || (event.detail > 1 && step === this.stepped)) return;
      this.stepped = step; // a double click is one step, two clicks are two as soon as the first was done
      this.$emit("act", { do: deed, after: this.standing.head || "" });
    },
    openMenu() {
      this.menu = !this.menu;
      if (this.menu) this.$nextTick(() => this.$el.querySelector(".tz-up button").focus());
    },
    takeExample() {
      this.text = this.example;
      this.$refs.text.focus();
    },
    shut() {
      this.menu = this.sure = false;
    },
    leave() {
      this.shut();
      this.$refs.as.focus();
    },
    forget() {
      if (!this.sure) {
        this.sure = true;
        return;
      }
      this.$emit("act", { do: "forget" });
      this.shut();
    },
    accepted(id) {
      if (this.pending?.id !== id) return;
      if (this.text === this.pending.text) this.text = "";
      this.title = "";
      this.pending = null;
      this.naming = !this.name;
      this.answered();
    },
    refused(id) {
      if (this.pending?.id === id) this.answered();
    },
    answered() {
      this.busy = false;
      clearTimeout(this.waiting);
    },
    // The field stays where it is until something was sent or Enter pressed: a page that moves while the pointer
    // is on its way to a button makes the click miss.
    takeName() {
      const name = this.typedName.trim();
      if (!this.naming || !name || name === this.name) return;
      this.name = name;
      keepName(name);
      this.$emit("name", { name });
    },
    // In another tab of this browser, or by having all of one's own deleted.
    renamed(name) {
      this.name = this.typedName = name;
      this.naming = !name;
      keepName(name);
    },
    named(event) {
      if (event.isComposing) return;
      this.takeName();
      if (!this.name) return;
      this.naming = false;
      this.$nextTick(() => this.$refs.text.focus());
    },
    rename() {
      this.shut();
      this.typedName = this.name;
      this.naming = true;
      this.$nextTick(() => this.$refs.name.select());
    },
    remember() {
      keep("tsuzuki-ask", { ...this.ask, scores: this.scores });
    },
  },
};
