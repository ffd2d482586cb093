// Ranges of time, as the address has them: from and to are "now", "now-6h" or Unix ms.

export interface Range {
  from: string
  to: string
}

export const PRESETS = ['15m', '1h', '6h', '24h', '7d'] as const

const UNITS: Record<string, number> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 }

/** The instant that a text names, Unix ms; null when it names none. */
export function instant(text: string, now: number): number | null {
  if (/^\d{1,15}$/.test(text)) return Number(text)
  const relative = /^now(?:-(\d{1,6})([smhdw]))?$/.exec(text)
  if (relative) return now - Number(relative[1] ?? 0) * (UNITS[relative[2] ?? 's'] ?? 0)
  const parsed = Date.parse(text)
  return Number.isNaN(parsed) ? null : parsed
}

/** Start and end of a range, or null when it is none. */
export function resolve(range: Range, now: number): { from: number; to: number } | null {
  const from = instant(range.from, now)
  const to = instant(range.to, now)
  return from === null || to === null || from >= to ? null : { from, to }
}

/** Whether the range moves with time. */
export const moves = (range: Range) => range.to.startsWith('now')

/** The range that the address asks for, else the dashboard's own. */
export function asked(search: string, own: Range, now: number): Range {
  const p = new URLSearchParams(search)
  const range = { from: p.get('from') ?? own.from, to: p.get('to') ?? own.to }
  return resolve(range, now) ? range : own
}

/** Milliseconds of Grafana's "10s"; 0 for never. */
export function every(refresh: string | undefined): number {
  const m = /^(\d+)([smh])$/.exec(refresh ?? '')
  return m ? Number(m[1]) * (UNITS[m[2] ?? 's'] ?? 0) : 0
}

/** Widths of buckets, the same as the data source's. */
const WIDTHS = [1, 5, 10, 30, 60, 300, 600, 1_800, 3_600, 10_800, 21_600, 86_400].map((s) => s * 1000)

/** The least width that cuts the range into at most so many buckets; whole days beyond. */
export function bucket(from: number, to: number, points: number): number {
  const least = (to - from) / points
  const day = 86_400_000
  return WIDTHS.find((w) => w >= least) ?? Math.ceil(least / day) * day
}
