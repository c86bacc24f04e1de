// What a page sends fits into one message of its socket: a longer one would end the connection without a word.
// Far more than any text may have is left, so that the server says how much it is, and takes nothing of it.
window.tzFitting = (payload) => {
  let left = 2_000_000;
  const fitting = (value) => {
    if (typeof value === "string") {
      const kept = value.slice(0, Math.min(left, 1_000_000));
      left -= kept.length;
      return kept;
    }
    if (Array.isArray(value)) return value.map(fitting);
    if (value && typeof value === "object")
      return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, fitting(each)]));
    return value;
  };
  return fitting(payload);
};
