// The story's title. A click makes it a line to write in; Enter keeps what was written, Escape leaves it as it was.
// What was typed stays until it was taken.
import { fitting, online, TextLength } from "tsuzuki";

export default {
  components: { TextLength },
  template: `
    <h1 class="tz-heading">
      <form v-if="writing" class="tz-retitle" @submit.prevent="keep">
        <input ref="line" v-model="typed" :aria-label="words.title" autocomplete="off"
               @keydown.esc="leave">
        <TextLength :text="typed.trim()" :limit="limits.title" />
        <button type="submit" class="tz-plain">{{ words.save }}</button>
        <button type="button" class="tz-plain" @click="leave">{{ words.leave }}</button>
      </form>
      <button v-else-if="named" ref="title" type="button" class="tz-titled" :title="words.retitle"
              @click="write">{{ title }}</button>
      <span v-else>{{ title }}</span>
    </h1>`,
  props: { title: String, named: Boolean, words: Object, limits: Object },
  emits: ["act"],
  data() {
    return { writing: false, typed: "" };
  },
  methods: {
    write() {
      this.typed = this.title;
      this.writing = true;
      this.$nextTick(() => this.$refs.line.select());
    },
    keep() {
      if (this.typed.trim() === this.title) this.leave();
      else if (online()) this.$emit("act", fitting({ do: "rename", title: this.typed }));
    },
    kept() {
      if (this.writing) this.leave();
    },
    leave(event) {
      if (event?.isComposing) return; // the Escape belongs to a Japanese input method
      this.writing = false;
      this.$nextTick(() => this.$refs.title?.focus());
    },
  },
};
