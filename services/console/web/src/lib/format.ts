export type Lang = 'fr' | 'en'

const locale = (lang: Lang) => (lang === 'fr' ? 'fr-FR' : 'en-GB')

/** Time of day, local, to the second. */
export function clock(ms: number, lang: Lang): string {
  return new Intl.DateTimeFormat(locale(lang), { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' }).format(ms)
}

/** Day and hour, local; the day is left out today. */
export function moment(ms: number, lang: Lang, now = Date.now()): string {
  const today = new Date(ms).toDateString() === new Date(now).toDateString()
  return new Intl.DateTimeFormat(locale(lang), { ...(today ? {} : { day: 'numeric', month: 'short' }), hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }).format(ms)
}

/** A whole number, grouped as the language does. */
export function count(n: number, lang: Lang): string {
  return new Intl.NumberFormat(locale(lang), { maximumFractionDigits: 0 }).format(n)
}

/** A rate: one decimal below ten. */
export function rate(n: number, lang: Lang): string {
  return new Intl.NumberFormat(locale(lang), { maximumFractionDigits: n > 0 && n < 10 ? 1 : 0 }).format(n)
}

/** How long, at a width that does not jump: 0:07, 12:40, 3 h 05, 2 d. */
export function age(ms: number, lang: Lang): string {
  const s = Math.max(0, Math.floor(ms / 1000))
  const two = (n: number) => String(n).padStart(2, '0')
  if (s < 3600) return `${Math.floor(s / 60)}:${two(s % 60)}`
  if (s < 86_400) return `${Math.floor(s / 3600)} h ${two(Math.floor((s % 3600) / 60))}`
  return `${Math.floor(s / 86_400)} ${lang === 'fr' ? 'j' : 'd'}`
}

/** A short span with its unit: 240 ms, 5 s, 3 min, 2 h. */
export function span(ms: number, lang: Lang): string {
  const n = (v: number, digits: number) => new Intl.NumberFormat(locale(lang), { maximumFractionDigits: digits }).format(v)
  if (ms < 1000) return `${n(ms, 0)} ms`
  if (ms < 120_000) return `${n(ms / 1000, ms < 10_000 ? 1 : 0)} s`
  if (ms < 7_200_000) return `${n(ms / 60_000, 0)} min`
  return `${n(ms / 3_600_000, 0)} h`
}
