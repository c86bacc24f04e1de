// What the parts of a page share: what is kept in the browser, and whether the page reaches the bot.

const KEPT_DAYS = 60;
const DAY_MS = 86400000;

// What was kept under a key, else `fallback`. Storage may be switched off, or hold what is not ours.
export function recall(key, fallback = null) {
  try {
    return JSON.parse(localStorage.getItem(key)) ?? fallback;
  } catch {
    return fallback;
  }
}

// Keep a value in this browser; null forgets it. Without storage the page works all the same.
export function keep(key, value) {
  try {
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, JSON.stringify(value));
  } catch {
    // switched off, or full
  }
}

// A text that is being written, kept until it was taken. It outlives a lost connection, a reload and the tab.
export function keepDraft(key, draft) {
  keep(key, draft === null ? null : { ...draft, at: Date.now() });
}

export function recallDraft(key) {
  const draft = recall(key);
  return draft && Date.now() - (draft.at ?? 0) < KEPT_DAYS * DAY_MS ? draft : null;
}

// Whether what is done here reaches the bot. NiceGUI tells it by a card of its own, which the style sheet hides.
export function online() {
  return document.getElementById("popup")?.ariaHidden !== "false";
}

// Calls `then` with whether the page is connected, whenever that changes; returns what ends it.
export function onConnection(then) {
  const card = document.getElementById("popup");
  if (!card) return () => {};
  const observer = new MutationObserver(() => then(online()));
  observer.observe(card, { attributes: true, attributeFilter: ["aria-hidden"] });
  return () => observer.disconnect();
}

// For a button that does nothing without a connection: it looks so, and says why.
export function offline(connected, reason) {
  return connected ? {} : { "aria-disabled": "true", title: reason };
}

const NEARLY = 0.8; // from here on it is said how much room is left

// How much of a text's room is taken, once little of it is left; counted as the rules count, by code points.
export const TextLength = {
  template: `<span v-if="count > limit * NEARLY" class="tz-length" :class="{ 'tz-over': count > limit }" role="status">
    {{ count }} / {{ limit }}</span>`,
  props: { text: String, limit: Number },
  data: () => ({ NEARLY }),
  computed: {
    count() {
      return this.text.length > this.limit * NEARLY ? [...this.text].length : this.text.length;
    },
  },
};

// Arrow keys, Home and End go around the buttons of a menu.
export function arrowKeys(event) {
  const buttons = [...event.currentTarget.querySelectorAll("button")];
  const at = buttons.indexOf(document.activeElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1 + buttons.length, Home: 0, End: buttons.length - 1 }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  buttons[to % buttons.length].focus();
}

// What a page sends fits into one message of its socket: a longer one would end the connection without a word.
// Far more than any text may have is left, so that the server says how much it is, and takes nothing of it.
export function fitting(payload) {
  let left = 2_000_000;
  const cut = (value) => {
    if (typeof value === "string") {
      const kept = value.slice(0, Math.min(left, 1_000_000));
      left -= kept.length;
      return kept;
    }
    if (Array.isArray(value)) return value.map(cut);
    if (value && typeof value === "object")
      return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, cut(each)]));
    return value;
  };
  return cut(payload);
}
