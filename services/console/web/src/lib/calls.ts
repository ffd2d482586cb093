import type { Call } from './types'

export interface CallFigures {
  offered: number
  answered: number
  abandoned: number
  waiting: number
  /** Share answered in time, 0 to 1; null when no call can be judged. */
  share: number | null
  target: number
  withinMs: number
}

/** The calls that still wait or run, the longest waiting first. */
export const openCalls = (calls: Iterable<Call>): Call[] =>
  [...calls].filter((c) => !c.ended_at_ms).sort((a, b) => Number(!!a.answered_at_ms) - Number(!!b.answered_at_ms) || a.offered_at_ms - b.offered_at_ms)

/** How calls were answered: one given up before it had to be answered is judged by nobody. */
export function callFigures(calls: Iterable<Call>): CallFigures {
  const f: CallFigures = { offered: 0, answered: 0, abandoned: 0, waiting: 0, share: null, target: 0.8, withinMs: 20_000 }
  let inTime = 0
  let judged = 0
  for (const c of calls) {
    f.offered++
    f.withinMs = c.within_ms ?? f.withinMs
    f.target = c.share_percent ? c.share_percent / 100 : f.target
    const within = c.within_ms ?? f.withinMs
    if (c.answered_at_ms) {
      f.answered++
      judged++
      if (c.answered_at_ms - c.offered_at_ms <= within) inTime++
    } else if (c.ended_at_ms) {
      f.abandoned++
      if (c.ended_at_ms - c.offered_at_ms > within) judged++
    } else f.waiting++
  }
  if (judged > 0) f.share = inTime / judged
  return f
}
