import type { Answer, Cell, FieldConfig, Override, Panel, Target, Transformation } from './model'

/** A column with what the panel says of it. */
export interface Field {
  name: string
  /** The name before any displayName: a series' value column and its label. */
  base: string
  kind: Answer['columns'][number]['kind']
  values: Cell[]
  config: FieldConfig
}

/** Thrown for what of Grafana's JSON this page does not know, so that nothing is shown wrong in silence. */
export class NotRendered extends Error {}

/** The fields of a panel's answer: transformed, cut into series, configured. */
export function fields(panel: Panel, target: Target, answer: Answer): Field[] {
  const changed = (panel.transformations ?? []).reduce(transform, answer)
  const plain = target.format === 'timeseries' ? wide(changed, target) : changed.columns.map((c) => ({ ...c, base: c.name }))
  return plain.map((f) => ({ ...f, config: configure(panel, f) }))
}

function transform(answer: Answer, t: Transformation): Answer {
  if (t.id !== 'filterByValue') throw new NotRendered(`transformation ${t.id}`)
  const keeps = (row: number) => {
    const hits = (t.options.filters ?? []).map((f) => {
      if (f.config.id !== 'equal') throw new NotRendered(`filter ${f.config.id}`)
      return answer.columns.find((c) => c.name === f.fieldName)?.values[row] === f.config.options.value
    })
    const hit = t.options.match === 'any' ? hits.some(Boolean) : hits.every(Boolean)
    return t.options.type === 'exclude' ? !hit : hit
  }
  return { columns: answer.columns.map((c) => ({ ...c, values: c.values.filter((_, row) => keeps(row)) })) }
}

/** Rows of (time, label…, value…) as one column of times and one a series. */
function wide(answer: Answer, target: Target): Omit<Field, 'config'>[] {
  const column = (name: string) => {
    const c = answer.columns.find((x) => x.name === name)
    if (!c) throw new NotRendered(`the answer has no column ${name}`)
    return c
  }
  const labels = (target.label ?? []).map(column)
  const time = column('time')
  const times = [...new Set(time.values as number[])].sort((a, b) => a - b)
  const place = new Map(times.map((t, i) => [t, i]))
  const series = new Map<string, Omit<Field, 'config'>>()
  time.values.forEach((t, row) => {
    const label = labels.map((l) => String(l.values[row])).join(' ')
    for (const name of target.value ?? []) {
      const base = label ? `${name} ${label}` : name
      let s = series.get(base)
      if (!s) series.set(base, (s = { name, base, kind: 'number', values: new Array<Cell>(times.length).fill(null) }))
      s.values[place.get(t as number) ?? 0] = column(name).values[row] ?? null
    }
  })
  return [{ name: 'time', base: 'time', kind: 'time', values: times }, ...series.values()]
}

function matches(o: Override, f: { name: string; base: string }): boolean {
  const asked = o.matcher.options ?? ''
  if (o.matcher.id === 'byName') return asked === f.name || asked === f.base
  if (o.matcher.id === 'byRegexp') return pattern(asked).test(f.base)
  throw new NotRendered(`matcher ${o.matcher.id}`)
}

/** Grafana writes a regular expression between slashes, and a bare name without. */
export function pattern(text: string): RegExp {
  const parts = /^\/(.*)\/([a-z]*)$/.exec(text)
  if (!parts) return new RegExp(`^${text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`)
  return new RegExp(parts[1] ?? '', (parts[2] ?? '').replace('g', ''))
}

function configure(panel: Panel, f: { name: string; base: string }): FieldConfig {
  const config: FieldConfig = { ...panel.fieldConfig.defaults, custom: { ...panel.fieldConfig.defaults.custom } }
  for (const o of panel.fieldConfig.overrides) {
    if (!matches(o, f)) continue
    for (const p of o.properties) {
      const [head, rest] = p.id.split('.')
      if (head === 'custom' && rest) config.custom = { ...config.custom, [rest]: p.value }
      else (config as Record<string, unknown>)[p.id] = p.value
    }
  }
  return config
}

/** The fields that a panel's reduceOptions choose; the numbers where it says nothing. */
export function chosen(panel: Panel, all: Field[]): Field[] {
  const asked = panel.options.reduceOptions?.fields
  if (!asked) return all.filter((f) => f.kind === 'number' || f.kind === 'integer')
  return all.filter((f) => pattern(asked).test(f.base))
}

/** One figure out of a column. null: there is nothing to show. */
export function reduce(calc: string, values: Cell[]): Cell {
  const numbers = values.filter((v): v is number => typeof v === 'number')
  switch (calc) {
    case 'lastNotNull':
      return values.findLast((v) => v !== null) ?? null
    case 'count':
      return values.filter((v) => v !== null).length
    case 'sum':
      return numbers.length ? numbers.reduce((a, b) => a + b, 0) : null
    case 'max':
      return numbers.length ? Math.max(...numbers) : null
    default:
      throw new NotRendered(`calculation ${calc}`)
  }
}

/** Whether the answer has nothing to draw: no row, or only zeros and gaps over time. */
export function isEmpty(target: Target, all: Field[]): boolean {
  if (!all.length || !all[0]?.values.length) return true
  return target.format === 'timeseries' && all.slice(1).every((f) => f.values.every((v) => !v))
}
