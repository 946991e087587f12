/**
 * Names and texts from outside can run from right to left, or hold signs that turn what comes after
 * them. They must not move the words around them. Pure.
 */

/** Embeddings, overrides and isolates (UAX #9); they may be open at the text's end. */
const CONTROLS = /[\u202a-\u202e\u2066-\u2069]/g
/** Hebrew, Arabic, Syriac, Thaana, NKo and what else runs from right to left, and its marks. */
const TURNS =
  /[\u0590-\u08ff\u200f\u202a-\u202e\u2066-\u2069\ufb1d-\ufdff\ufe70-\ufefc]|[\ud802-\ud803\ud83a-\ud83b]/

/** Without signs that turn other text. For an element that isolates by itself, such as `bdi`. */
export function withoutControls(text: string): string {
  return text.replace(CONTROLS, '')
}

/** For the middle of a sentence: kept apart by FSI and PDI where it could move anything. */
export function isolated(text: string): string {
  return TURNS.test(text) ? `\u2068${withoutControls(text)}\u2069` : text
}
