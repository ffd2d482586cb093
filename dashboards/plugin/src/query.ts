// What a query needs, apart from any page.
import type { ScopedVars } from '@grafana/data'
import type { Column, NamedQuery, Param, VigieQuery } from './types'

/** How a new panel begins: with a figure that every centre has. */
export const FIRST: Partial<VigieQuery> = { queryType: 'named', query: 'queue_now', params: {} }

/** Whether there is anything to ask. */
export const asks = (q: VigieQuery) => !q.hide && (q.queryType === 'sites' || Boolean(q.query))

/** The parameters that somebody has to give: the panel knows the others. */
export const open = (n: NamedQuery): Param[] => n.params.filter((p) => !p.panel)

/** The columns that can be figures of a series: what is measured has a unit. */
export const figures = (n: NamedQuery): Column[] => n.columns.filter((c) => c.unit !== '' && c.unit !== 'time')

/** The columns that can be labels of a series: names have no unit. */
export const labels = (n: NamedQuery): Column[] => n.columns.filter((c) => c.unit === '')

/** Another named query: what the old one was told fits it no more. */
export function choose(q: VigieQuery, n: NamedQuery): VigieQuery {
  const params: Record<string, string> = {}
  for (const p of open(n)) {
    const old = q.params?.[p.name]
    if (old) params[p.name] = old
  }
  return { ...q, queryType: 'named', query: n.name, params, format: n.timeSeries ? 'timeseries' : 'table', value: undefined, label: undefined, site: undefined }
}

/** One parameter changed; an empty text takes it away. */
export function give(q: VigieQuery, name: string, text: string): VigieQuery {
  const params = { ...q.params }
  if (text.trim() === '') delete params[name]
  else params[name] = text.trim()
  return { ...q, params }
}

/** What is wrong with what stands in a parameter's field; undefined when nothing is. */
export function wrong(p: Param, text: string | undefined): string | undefined {
  if (!text) return p.optional ? undefined : 'A value is needed.'
  if (text.includes('$')) return undefined // a variable of the dashboard
  if (p.unit === '') return undefined // a name
  return /^\d+$/.test(text) ? undefined : 'A whole number is expected.'
}

/** The number of a site out of what people write: 42 or S-42; undefined for none. */
export function siteNumber(text: string): number | undefined {
  const n = Number(/^\s*(?:S-)?(\d{1,15})\s*$/i.exec(text)?.[1] ?? 0)
  return n > 0 ? n : undefined
}

/** Variables of the dashboard put into the parameters' values. */
export function filled(q: VigieQuery, scoped: ScopedVars, replace: (text: string, scoped: ScopedVars) => string): VigieQuery {
  const params: Record<string, string> = {}
  for (const [name, text] of Object.entries(q.params ?? {})) params[name] = replace(text, scoped)
  return { ...q, params }
}
