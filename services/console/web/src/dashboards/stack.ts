import { colour, fromPalette, type Theme } from './colours'
import type { Field } from './frame'

/** What a chart draws: the plain values for reading, the stacked ones for drawing. */
export interface Drawn {
  times: number[]
  series: Line[]
}

export interface Line {
  name: string
  color: string
  values: number[]
  /** Upper edge: the values of this and all shown series below it. */
  drawn: number[]
  fill: number
}

/** Series of a chart's fields, stacked where the panel says so; hidden ones draw nothing and lift nothing. */
export function draw(fields: Field[], hidden: Set<string>, theme: Theme): Drawn {
  const times = (fields[0]?.values ?? []) as number[]
  const below = new Array<number>(times.length).fill(0)
  const series = fields.slice(1).map((f, n): Line => {
    const name = f.config.displayName ?? f.base
    const values = f.values.map((v) => (typeof v === 'number' ? v : 0))
    const fixed = f.config.color?.mode === 'fixed' ? f.config.color.fixedColor : undefined
    const stacked = f.config.custom?.stacking?.mode === 'normal'
    if (stacked && !hidden.has(name)) values.forEach((v, i) => (below[i] = (below[i] ?? 0) + v))
    return { name, color: fixed ? colour(fixed, theme) : fromPalette(n, theme), values, drawn: stacked ? [...below] : values, fill: f.config.custom?.fillOpacity ?? 0 }
  })
  return { times, series }
}

/**
 * The columns for uPlot: the highest edge first, so that the ones below are
 * drawn over it. A level holds until the end of the range: until is that end,
 * or undefined for counts.
 */
export function columns(d: Drawn, hidden: Set<string>, until?: number): number[][] {
  const edges = [d.times, ...visible(d, hidden).map((s) => s.drawn)]
  const last = d.times.at(-1)
  if (until === undefined || last === undefined || last >= until) return edges
  return edges.map((e, i) => [...e, i ? (e.at(-1) ?? 0) : until])
}

export const visible = (d: Drawn, hidden: Set<string>): Line[] => d.series.filter((s) => !hidden.has(s.name)).reverse()
