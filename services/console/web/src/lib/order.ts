import type { Detection, Incident, Site } from './types'

/**
 * The order to show when the wished one changes under someone's hand: while
 * held, rows that are shown stay where they are and new ones wait, counted.
 */
export function arrange(shown: string[], wished: string[], hold: boolean): { order: string[]; waiting: number } {
  if (!hold || shown.length === 0) return { order: wished, waiting: 0 }
  const exists = new Set(wished)
  const order = shown.filter((id) => exists.has(id))
  return { order, waiting: wished.length - order.length }
}

/** The most urgent first, then the oldest; closed ones are not work any more. */
export function queue(incidents: Iterable<Incident>): Incident[] {
  return [...incidents]
    .filter((i) => i.status !== 'closed')
    .sort((a, b) => a.priority - b.priority || a.opened_at_ms - b.opened_at_ms || (a.id < b.id ? -1 : 1))
}

/** Open ones by their opening, newest first; then closed ones, newest closing first. */
export function feed(detections: Iterable<Detection>): Detection[] {
  return [...detections].sort((a, b) => {
    const open = Number(a.status === 'closed') - Number(b.status === 'closed')
    return open || (b.closed_at_ms ?? b.opened_at_ms) - (a.closed_at_ms ?? a.opened_at_ms) || (a.id < b.id ? -1 : 1)
  })
}

/** How much a site asks for a look: 1 at once, 2 soon, 3 when there is time, 4 as it should be. */
export function severity(s: Site): 1 | 2 | 3 | 4 {
  if (s.open_zones?.length) return 1
  if (s.communication_lost || s.storm || s.open_incidents?.length || s.degraded) return 2
  if (s.undeclared || (s.closure && s.closure !== 'none')) return 3
  return s.paths?.some((p) => p.status === 'late' || p.status === 'lost') ? 3 : 4
}

/** Whether a site has the words, in number, label, account or region. */
export function matches(s: Site, words: string): boolean {
  const q = words.trim().toLowerCase()
  return !q || [s.name, s.label, s.account, s.region].some((f) => f?.toLowerCase().includes(q))
}

/** Sites as the table shows them: what asks for a look first, then by number. */
export function rank(sites: Iterable<Site>, words: string, onlyAbnormal: boolean): Site[] {
  const rows: { s: Site; r: number }[] = []
  for (const s of sites) {
    if (!matches(s, words)) continue
    const r = severity(s)
    if (!onlyAbnormal || r < 4) rows.push({ s, r })
  }
  return rows.sort((a, b) => a.r - b.r || a.s.site - b.s.site).map((x) => x.s)
}

/** Rows of a list of equal heights that are in sight, with a margin on both ends. */
export function inSight(scrollTop: number, height: number, row: number, total: number, margin = 8): { from: number; to: number } {
  const from = Math.max(0, Math.floor(scrollTop / row) - margin)
  return { from: Math.min(from, total), to: Math.min(total, Math.ceil((scrollTop + height) / row) + margin) }
}

/** Connections under way: what is latest first, then what is due first. */
export function onboarding(sites: Iterable<Site>): Site[] {
  const under = new Set(['requested', 'scheduled', 'installed', 'tested'])
  const due = (s: Site) => s.stage_due_ms ?? Number.MAX_SAFE_INTEGER
  return [...sites].filter((s) => s.stage && under.has(s.stage)).sort((a, b) => due(a) - due(b) || a.site - b.site)
}
