// Reasons by their code, for a token that is told no more than that. A code that is not here says it itself.

const CODES = {
  history: "its past is not whole",
  no_opening: "no value is known at the start",
  old_opening: "the value at the start is an old one",
  doubtful_opening: "the value at the start was not certain",
  bill_cut: "the first day's bill is cut by hours",
  bill_open: "a bill may still change",
  bill_in_pieces: "a bill is still coming in",
  set_aside: "rows cannot be read",
  breaker_open: "left alone after failures",
  store: "its answer was not stored",
};

/** Return what a code means, in words. */
export function meaning(code = "not_certain") {
  return CODES[code] ?? code.replaceAll("_", " ");
}
