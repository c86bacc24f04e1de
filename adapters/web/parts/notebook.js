// The notebook beside the story. A leaf is asked for when it is opened, and again when the story changed while it
// lies open, unless something was written on it that is not kept yet.
import { fitting, keepDraft, offline, onConnection, online, recallDraft, TextLength } from "tsuzuki";

const LEAVES = ["tree", "notes", "window", "rules", "stories"];

export default {
  components: { TextLength },
  template: `
    <div class="tz-notebook" @keydown.esc="shut">
      <button ref="opener" type="button" class="tz-open" :aria-expanded="open" aria-controls="tz-drawer"
              @click="open ? shut() : look(leaf)">{{ words.notebook }}<span v-if="unsaved" class="tz-unsaved"
              :title="words.unsaved_notes"><span class="tz-unseen">{{ words.unsaved_notes }}</span></span></button>
      <aside v-show="open" id="tz-drawer" class="tz-drawer" :aria-label="words.notebook">
        <header ref="leaves" class="tz-leaves">
          <nav :aria-label="words.notebook">
            <button v-for="l in leaves" :key="l" type="button" :aria-current="l === leaf ? 'page' : null"
                    :data-leaf="l" @click="look(l)">{{ words["leaf_" + l] }}<span
                    v-if="l === 'notes' && unsaved" class="tz-unsaved" aria-hidden="true"></span></button>
          </nav>
          <button type="button" class="tz-shut" :aria-label="words.shut" :title="words.shut" @click="shut">×</button>
        </header>
        <p v-if="!connected" class="tz-cut-here" role="status">{{ words.cut }}</p>

        <div v-if="content.tree" v-show="leaf === 'tree'" class="tz-leaf">
          <p v-if="!content.tree.branches.length" class="tz-hintline">{{ words.no_branches }}</p>
          <ol class="tz-tree">
            <li v-for="b in content.tree.branches" :key="b.id" :style="{ '--depth': b.depth }"
                :class="{ 'tz-on': b.on_path, 'tz-here': b.head }">
              <span v-if="!b.text" class="tz-gone">{{ words.deleted }}</span>
              <button v-else type="button" :aria-current="b.head ? 'true' : null" :aria-expanded="looked === b.id"
                      @click="looked = looked === b.id ? null : b.id">
                <span class="tz-tree-who" :class="{ 'tz-tree-model': b.model }">{{ b.name }}</span>
                <span class="tz-tree-text" :class="{ 'tz-aside': b.aside }">{{ b.text }}</span>
                <span v-if="b.head" class="tz-tag">{{ words.here }}</span>
              </button>
              <div v-if="looked === b.id" class="tz-look">
                <p lang="ja">{{ b.beginning }}</p>
                <button v-if="!b.head" type="button" class="tz-small tz-main" v-bind="off" @click="go(b, $event)">{{ words.go_there }}</button>
              </div>
            </li>
          </ol>
        </div>

        <form v-if="notes" v-show="leaf === 'notes'" class="tz-leaf" @submit.prevent="annotate" @input="touchNotes">
          <p v-if="recalled" class="tz-row tz-recalled"><span role="status">{{ words.unsaved_notes }}</span>
            <button type="button" class="tz-small" @click="discardNotes">{{ sure ? words.discard_sure : words.discard_notes }}</button></p>
          <label class="tz-entry"><span>{{ words.memory }}</span><small>{{ words.memory_hint }}</small>
            <textarea v-model="notes.memory" name="memory" rows="4"></textarea></label>
          <TextLength :text="notes.memory" :limit="limits.memory" />
          <p v-if="differs('memory')" class="tz-theirs"><b>{{ words.theirs }}</b><span lang="ja">{{ theirs.memory }}</span>
            <button type="button" class="tz-small" @click="takeTheirs('memory')">{{ words.take_theirs }}</button></p>
          <label class="tz-entry"><span>{{ words.note }}</span><small>{{ words.note_hint }}</small>
            <textarea v-model="notes.note" name="note" rows="2"></textarea></label>
          <TextLength :text="notes.note" :limit="limits.note" />
          <p v-if="differs('note')" class="tz-theirs"><b>{{ words.theirs }}</b><span lang="ja">{{ theirs.note }}</span>
            <button type="button" class="tz-small" @click="takeTheirs('note')">{{ words.take_theirs }}</button></p>
          <fieldset class="tz-lore">
            <legend>{{ words.lore }}</legend><small>{{ words.lore_hint }}</small>
            <div v-for="(e, i) in notes.lore" :key="i" class="tz-lore-entry" role="group"
                 :aria-label="words.lore + ' ' + (i + 1)">
              <label class="tz-entry"><span>{{ words.keywords }}</span>
                <input v-model="e.keywords" name="keywords" autocomplete="off"></label>
              <TextLength :text="longest(e.keywords)" :limit="limits.keyword" />
              <label class="tz-entry"><span>{{ words.lore_text }}</span>
                <textarea v-model="e.text" name="lore" rows="2"></textarea></label>
              <TextLength :text="e.text" :limit="limits.lore" />
              <span class="tz-row">
                <label class="tz-ask"><span>{{ words.priority }}</span>
                  <input v-model.number="e.priority" name="priority" type="number" step="1" required></label>
                <button type="button" class="tz-small" @click="removeLore(i)">{{ words.remove }}</button>
              </span>
            </div>
            <button type="button" class="tz-small" @click="addLore">{{ words.add }}</button>
          </fieldset>
          <p v-if="differs('lore')" class="tz-theirs"><b>{{ words.theirs }}</b>
            <span v-for="(e, i) in theirs.lore" :key="i" lang="ja">{{ e.keywords }}：{{ e.text }}</span>
            <button type="button" class="tz-small" @click="takeTheirs('lore')">{{ words.take_theirs }}</button></p>
          <p class="tz-row tz-keep"><button type="submit" class="tz-small tz-main" v-bind="off">{{ words.save }}</button>
            <span role="status">{{ kept === "annotate" ? words.saved : "" }}</span></p>
        </form>

        <div v-if="content.window && !content.window.window" v-show="leaf === 'window'" class="tz-leaf">
          <p class="tz-hintline">{{ words.empty }}</p>
        </div>
        <div v-else-if="content.window" v-show="leaf === 'window'" class="tz-leaf tz-window">
          <p class="tz-sum">{{ filled(words.window_tokens, content.window.window) }}</p>
          <section v-for="(s, i) in content.window.window.seen" :key="i" class="tz-seen" :data-kind="s.piece.kind">
            <h2>{{ words["piece_" + s.piece.kind] ?? s.piece.kind }} <small>{{ s.tokens }} {{ words.tokens }}</small></h2>
            <p>{{ s.piece.text }}</p>
          </section>
          <p v-if="content.window.window.left_out_characters" class="tz-hintline">
            {{ filled(words.window_left_out, { count: content.window.window.left_out_characters }) }}</p>
          <template v-if="content.window.window.left_out.length">
            <p class="tz-hintline">{{ words.window_left_out_pieces }}</p>
            <p v-for="(piece, i) in content.window.window.left_out" :key="i" class="tz-out">{{ piece.text }}</p>
          </template>
          <p v-if="content.window.window.unknown.length" class="tz-hintline tz-unread">
            {{ filled(words.window_unknown, { characters: content.window.window.unknown.join("") }) }}</p>
        </div>

        <form v-if="rules" v-show="leaf === 'rules'" class="tz-leaf" @submit.prevent="setRules" @input="touchRules">
          <template v-for="s in rules.form" :key="s.name">
            <label v-if="s.kind === 'switch'" class="tz-check">
              <input v-model="rules[s.name]" :name="fieldName(s)" type="checkbox"> <span>{{ words[s.word] }}</span></label>
            <label v-else-if="s.kind === 'words'" class="tz-entry"><span>{{ words[s.word] }}</span><small>{{ words.per_line }}</small>
              <textarea v-model="rules[s.name]" :name="fieldName(s)" rows="2"></textarea></label>
            <label v-else class="tz-entry tz-line"><span>{{ words[s.word] }}</span>
              <input v-if="s.kind === 'number'" v-model.number="rules[s.name]" :name="fieldName(s)" type="number"
                     :min="s.least" :max="s.most" required>
              <select v-else-if="s.kind === 'length'" v-model="lengthKind" :name="fieldName(s)">
                <option v-for="l in s.choices" :key="l" :value="l">{{ words[s.name + "_" + l] }}</option>
                <option value="characters">{{ words.length_characters }}</option>
              </select>
              <select v-else v-model="rules[s.name]" :name="fieldName(s)">
                <option v-for="(label, value) in labelsOf(s)" :key="value" :value="value">{{ label }}</option>
              </select></label>
            <label v-if="s.kind === 'length' && lengthKind === 'characters'" class="tz-entry tz-line"><span>{{ words.characters }}</span>
              <input v-model.number="characters" name="rule-characters" type="number" min="1" step="1" required></label>
          </template>
          <p class="tz-row tz-keep"><button type="submit" class="tz-small tz-main" v-bind="off">{{ words.save }}</button>
            <span role="status">{{ kept === "rules" ? words.saved : "" }}</span></p>
          <details class="tz-details">
            <summary>{{ words.details }}</summary>
            <label class="tz-entry tz-line"><span>{{ words.own_preset }}</span>
              <select v-model="base" name="own-base" @change="startFrom(base)">
                <option v-for="(label, name) in presetLabels" :key="name" :value="name">{{ label }}</option>
              </select></label>
            <label class="tz-entry tz-line"><span>{{ words.preset_name }}</span>
              <input v-model="ownName" name="own-name" maxlength="30" autocomplete="off"></label>
            <div class="tz-fieldgrid">
              <label v-for="f in rules.fields" :key="f" class="tz-entry"><span><code>{{ f }}</code></span>
                <input v-model.number="own[f]" :name="'own-' + f" type="number" :step="rules.whole.includes(f) ? 1 : 'any'"></label>
            </div>
            <p class="tz-row">
              <button type="button" class="tz-small" v-bind="off" :disabled="!ownName.trim()" @click="savePreset">{{ words.save_preset }}</button>
              <button v-if="rules.presets[base]" type="button" class="tz-small" v-bind="off" @click="removePreset">{{ words.remove_preset }}</button>
            </p>
          </details>
        </form>

        <div v-if="content.stories" v-show="leaf === 'stories'" class="tz-leaf">
          <form class="tz-row tz-begin" @submit.prevent="begin">
            <label class="tz-entry"><span>{{ words.new_title }}</span>
              <input v-model="newTitle" name="new-title" autocomplete="off"></label>
            <TextLength :text="newTitle.trim()" :limit="limits.title" />
            <button type="submit" class="tz-small tz-main" v-bind="off">{{ beginning ? words.begin_sure : words.begin }}</button>
          </form>
          <p v-if="!content.stories.stories.length" class="tz-hintline">{{ words.no_stories }}</p>
          <ul class="tz-shelf">
            <li v-for="s in content.stories.stories" :key="s.id" :class="{ 'tz-here': s.open }" :data-story="s.id">
              <span class="tz-shelf-title"><span class="tz-tree-text">{{ s.title || words.untitled }}</span>
                <span v-if="s.open" class="tz-tag">{{ words.open_now }}</span></span>
              <span class="tz-row">
                <button type="button" class="tz-small" v-bind="off" @click="download({ story: s.id })">{{ words.export }}</button>
                <button type="button" class="tz-small" v-bind="off" @click="download({ story: s.id, form: 'md' })">{{ words.export_md }}</button>
                <button v-if="s.open" type="button" class="tz-small" v-bind="off" @click="close">
                  {{ sure ? words.close_sure : words.close }}</button>
                <button v-else type="button" class="tz-small" v-bind="off" @click="act({ do: 'reopen', story: s.id })">{{ words.reopen }}</button>
              </span>
            </li>
          </ul>
        </div>
      </aside>
    </div>`,
  props: { words: Object, presets: Object, place: String, limits: Object },
  emits: ["look", "act", "export"],
  data() {
    return {
      leaves: LEAVES,
      open: false,
      leaf: "tree",
      content: {}, // leaf -> what the server said of it
      notes: null, // being written
      theirs: null, // as somebody else made them meanwhile
      rules: null,
      lengthKind: "medium",
      characters: 200,
      base: "standard",
      own: {},
      ownName: "",
      newTitle: "",
      touched: { notes: false, rules: false },
      unsaved: recallDraft(this.key_()) !== null, // whether there are notes that only this browser has
      recalled: false, // what stands there was written before the page was loaded
      connected: true,
      kept: "", // what was kept last
      sure: false, // the story is closed, or a draft thrown away, at the next click
      beginning: false, // another one is begun at the next click
      looked: null, // the passage of the tree that is looked at
    };
  },
  watch: {
    open() {
      document.documentElement.classList.toggle("tz-beside", this.open); // a wide page makes room
    },
  },
  created() {
    // Notices stand below the leaves, however many lines those take.
    this.resized = new ResizeObserver(([{ target }]) =>
      document.documentElement.style.setProperty("--leaves", target.offsetHeight + "px"));
  },
  mounted() {
    this.resized.observe(this.$refs.leaves);
    this.unwatch = onConnection((connected) => (this.connected = connected));
  },
  unmounted() {
    this.resized.disconnect();
    this.unwatch();
  },
  computed: {
    off() {
      return offline(this.connected, this.words.cut);
    },
    presetLabels() {
      const own = Object.keys(this.rules.presets).map((name) => [name, name]);
      return { ...this.presets, ...Object.fromEntries(own) };
    },
  },
  methods: {
    look(leaf) {
      this.leaf = leaf;
      this.open = true;
      this.kept = "";
      this.sure = this.beginning = false;
      this.$emit("look", { leaf });
    },
    stale() {
      for (const leaf of LEAVES) if (!this.open || leaf !== this.leaf) delete this.content[leaf];
      if (this.open) this.$emit("look", { leaf: this.leaf });
    },
    shut(event) {
      if (!this.open || event?.isComposing) return; // an Escape while composing belongs to the input method
      this.open = false;
      this.$refs.opener.focus();
    },
    show(leaf, content) {
      if (this.touched[leaf]) return;
      this.content[leaf] = content;
      if (leaf === "notes") this.takeNotes(content);
      if (leaf === "rules") this.takeRules(content.rules);
    },
    takeNotes(content) {
      const draft = recallDraft(this.key_());
      this.notes = JSON.parse(JSON.stringify(draft?.notes ?? content));
      if (!draft) return;
      this.content.notes = draft.seen;
      this.touched.notes = this.recalled = true;
    },
    // What is written stays; saving it again, with theirs in view, is meant.
    clash(theirs) {
      this.theirs = theirs;
      this.content.notes = theirs;
      this.touchNotes();
    },
    differs(name) {
      return this.theirs !== null && JSON.stringify(this.theirs[name]) !== JSON.stringify(this.notes[name]);
    },
    takeTheirs(name) {
      this.notes[name] = JSON.parse(JSON.stringify(this.theirs[name]));
      this.touchNotes();
    },
    discardNotes() {
      if (!this.sure) {
        this.sure = true;
        return;
      }
      this.letNotesGo();
      this.look("notes");
    },
    letNotesGo() {
      this.theirs = null;
      this.touched.notes = this.unsaved = this.recalled = false;
      keepDraft(this.key_(), null);
    },
    touchNotes() {
      this.kept = "";
      this.touched.notes = this.unsaved = true;
      keepDraft(this.key_(), { notes: this.notes, seen: this.content.notes });
    },
    key_() {
      return "tsuzuki-notes:" + this.place;
    },
    takeRules(rules) {
      this.rules = { ...rules };
      const named = rules.form.some((s) => s.kind === "length" && s.choices.includes(rules.length));
      this.lengthKind = named ? rules.length : "characters";
      if (!named) this.characters = rules.length;
      if (!(this.base in this.presetLabels)) this.base = rules.preset;
      this.startFrom(this.base);
    },
    saved(deed) {
      this.kept = deed;
      if (deed === "annotate") this.annotated();
      if (deed === "rules") {
        this.touched.rules = false;
        this.base = this.nextBase ?? this.base;
      }
      if (deed === "begin") this.newTitle = "";
      this.sure = this.beginning = false;
      this.stale();
    },
    // What was written on since it was sent is not taken yet.
    annotated() {
      this.theirs = null;
      if (JSON.stringify(this.notes) !== this.sent) {
        this.content.notes = JSON.parse(this.sent);
        this.touchNotes();
      } else {
        this.letNotesGo();
      }
    },
    act(payload) {
      if (online()) this.$emit("act", fitting(payload));
    },

    annotate() {
      this.sent = JSON.stringify(this.notes);
      // With what was there before: only what was changed is to be kept, somebody else may write the rest.
      this.act({ do: "annotate", ...this.notes, seen: this.content.notes });
    },
    longest(keywords) {
      const words = keywords.split(/[,、，\n]+/).map((word) => word.trim());
      return words.reduce((one, other) => (other.length > one.length ? other : one));
    },
    addLore() {
      this.notes.lore.push({ keywords: "", text: "", priority: 0 });
      this.touchNotes();
      this.$nextTick(() => [...this.$el.querySelectorAll(".tz-lore-entry input[name=keywords]")].pop()?.focus());
    },
    removeLore(index) {
      this.notes.lore.splice(index, 1);
      this.touchNotes();
    },

    // As a setting's field was always called: rule-filter-people, rule-daily-person.
    fieldName(setting) {
      return "rule-" + setting.name.replace(/_(?:(?:per|in)_)?/g, "-");
    },
    labelsOf(setting) {
      if (setting.kind === "preset") return this.presetLabels;
      return Object.fromEntries(setting.choices.map((value) => [value, this.words[setting.name + "_" + value]]));
    },
    touchRules() {
      this.kept = "";
      this.touched.rules = true;
    },
    setRules() {
      const rules = Object.fromEntries(this.rules.form.map((s) => [s.name, this.rules[s.name]]));
      rules.length = this.lengthKind === "characters" ? this.characters : this.lengthKind;
      this.nextBase = null;
      // Only what was changed here: somebody else may set the rest.
      const seen = this.content.rules.rules;
      const changed = Object.entries(rules).filter(([name, value]) => value !== seen[name]);
      this.act({ do: "rules", rules: Object.fromEntries(changed) });
    },
    startFrom(name) {
      this.own = { ...(this.rules.presets[name] ?? this.rules.builtin[name] ?? this.rules.builtin.standard) };
      this.ownName = this.rules.presets[name] ? name : "";
    },
    savePreset() {
      const presets = { ...this.rules.presets, [this.ownName.trim()]: { ...this.own } };
      this.nextBase = this.ownName.trim();
      this.act({ do: "rules", rules: { presets }, seen_presets: this.rules.presets });
    },
    removePreset() {
      const presets = { ...this.rules.presets };
      delete presets[this.base];
      this.nextBase = "standard";
      const rules = this.rules.preset === this.base ? { presets, preset: "standard" } : { presets };
      this.act({ do: "rules", rules, seen_presets: this.rules.presets });
    },

    // Somebody else saved one of the same name: what is written here stays, and saving it again is meant.
    presetsChanged(presets) {
      this.rules.presets = presets;
    },
    download(payload) {
      if (online()) this.$emit("export", payload);
    },

    // What everybody sees changes at once, so a look comes first and a button goes.
    go(branch, event) {
      event.currentTarget.closest("li").querySelector("button").focus(); // the button goes
      this.looked = null;
      this.act({ do: "branch", passage: branch.id });
    },
    begin() {
      if (this.beginning || !this.content.stories.stories.some((s) => s.open)) this.act({ do: "begin", title: this.newTitle });
      else this.beginning = true;
    },
    close() {
      if (this.sure) this.act({ do: "close" });
      else this.sure = true;
    },

    filled(sentence, values) {
      return sentence.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
    },
  },
};
