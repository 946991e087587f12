/** What texts in a condition must look like. Pure; what stands around them doesn't count. */

export const PARAMETER_NAME_MAX = 64

/** The platform refuses others. */
const PARAMETER_NAME = /^[a-z0-9_.]{1,64}$/
const TIME_OF_DAY = /^(?:(?:[01]\d|2[0-3]):[0-5]\d|24:00)$/

export function isParameterName(text: string): boolean {
  return PARAMETER_NAME.test(text.trim())
}

/** A time of the day with two digits each, from `00:00` to `24:00`. */
export function isTimeOfDay(text: string): boolean {
  return TIME_OF_DAY.test(text.trim())
}
