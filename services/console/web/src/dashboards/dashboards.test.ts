import { describe, expect, it } from 'vitest'
import centre from '../../../../../dashboards/centre-now.json'
import closed from '../../../../../dashboards/closed-around-the-clock.json'
import { colour } from './colours'
import { address } from './data'
import { display, duration, format } from './display'
import { chosen, fields, isEmpty, NotRendered, pattern, reduce } from './frame'
import type { Answer, Dashboard, FieldConfig, Panel, Target } from './model'
import { asked, bucket, every, resolve } from './range'
import { columns, draw } from './stack'
import { hasFrench, say } from './words'

const dashboards = [centre, closed] as unknown as Dashboard[]
const target = (over: Partial<Target> = {}): Target => ({ refId: 'A', queryType: 'named', query: 'q', params: {}, format: 'table', ...over })
const panel = (over: Partial<Panel> = {}): Panel => ({
  id: 1, type: 'stat', title: 'T', gridPos: { x: 0, y: 0, w: 1, h: 1 }, options: {}, fieldConfig: { defaults: {}, overrides: [] }, ...over,
})
const flow: Answer = {
  columns: [
    { name: 'time', kind: 'time', values: [10, 10, 20, 20] },
    { name: 'class', kind: 'string', values: ['intrusion', 'intrusion_confirmed', 'intrusion', 'intrusion_confirmed'] },
    { name: 'alarms', kind: 'integer', values: [3, 1, 0, 4] },
  ],
}
const overTime = target({ format: 'timeseries', value: ['alarms'], label: ['class'] })

describe('every text of the dashboards has its French', () => {
  const texts: string[] = []
  const walk = (o: unknown): void => {
    if (Array.isArray(o)) o.forEach(walk)
    else if (o && typeof o === 'object') {
      const x = o as Record<string, unknown>
      if (x.id === 'displayName') texts.push(x.value as string)
      for (const [k, v] of Object.entries(x)) {
        if (k === 'templating' || k === 'templateVars') continue
        if (['title', 'description', 'noValue', 'text', 'content'].includes(k) && typeof v === 'string' && v) texts.push(v)
        walk(v)
      }
    }
  }
  walk(dashboards)
  it.each([...new Set(texts)])('%s', (text) => expect(hasFrench(text)).toBe(true))
})

describe('a table over time becomes a series a label', () => {
  const p = panel({ fieldConfig: { defaults: {}, overrides: [
    { matcher: { id: 'byRegexp', options: '/\\bintrusion\\b/' }, properties: [{ id: 'displayName', value: 'Intrusion' }, { id: 'color', value: { mode: 'fixed', fixedColor: 'blue' } }] },
    { matcher: { id: 'byName', options: 'alarms' }, properties: [{ id: 'custom.stacking', value: { mode: 'normal' } }] },
  ] } })
  const got = fields(p, overTime, flow)
  it('keeps every time once and fills each series', () => {
    expect(got.map((f) => [f.base, f.values])).toEqual([['time', [10, 20]], ['alarms intrusion', [3, 0]], ['alarms intrusion_confirmed', [1, 4]]])
  })
  it('gives a label its settings and not those of a longer one', () => {
    expect(got.map((f) => f.config.displayName)).toEqual([undefined, 'Intrusion', undefined])
  })
  it('stacks in order, draws the highest first, and lets a hidden one lift nothing', () => {
    expect(columns(draw(got, new Set(), 'light'), new Set())).toEqual([[10, 20], [4, 4], [3, 0]])
    const hidden = new Set(['Intrusion'])
    expect(columns(draw(got, hidden, 'light'), hidden)).toEqual([[10, 20], [1, 4]])
  })
  it('is empty when nothing happened in any bucket', () => {
    const nothing = { columns: flow.columns.map((c) => (c.name === 'alarms' ? { ...c, values: [0, 0, 0, 0] } : c)) }
    expect([isEmpty(overTime, got), isEmpty(overTime, fields(p, overTime, nothing))]).toEqual([false, true])
  })
})

describe('what of the JSON is not known is not shown wrong', () => {
  it('refuses other transformations, filters, matchers and calculations by name', () => {
    const bad = (over: Partial<Panel>) => () => fields(panel(over), target(), flow)
    expect(bad({ transformations: [{ id: 'reduce', options: {} }] })).toThrow(NotRendered)
    expect(bad({ transformations: [{ id: 'filterByValue', options: { filters: [{ fieldName: 'class', config: { id: 'regex', options: { value: 1 } } }] } }] })).toThrow(NotRendered)
    expect(bad({ fieldConfig: { defaults: {}, overrides: [{ matcher: { id: 'byType' }, properties: [] }] } })).toThrow(NotRendered)
    expect(() => reduce('variance', [1])).toThrow(NotRendered)
  })
  it('keeps the rows that a filter asks for', () => {
    const p = panel({ transformations: [{ id: 'filterByValue', options: { type: 'include', match: 'all', filters: [{ fieldName: 'class', config: { id: 'equal', options: { value: 'intrusion' } } }] } }] })
    expect(fields(p, target(), flow).find((f) => f.name === 'alarms')?.values).toEqual([3, 0])
  })
})

describe('figures', () => {
  it('come out of a column as Grafana names it', () => {
    expect(['lastNotNull', 'sum', 'max', 'count'].map((c) => reduce(c, [2, 5, null]))).toEqual([5, 7, 5, 2])
    expect(['lastNotNull', 'sum', 'max', 'count'].map((c) => reduce(c, []))).toEqual([null, null, null, 0])
  })
  it('are chosen by the pattern between slashes', () => {
    const p = panel({ options: { reduceOptions: { calcs: ['sum'], fields: '/^alarms$/' } } })
    expect(chosen(p, fields(p, target(), flow)).map((f) => f.name)).toEqual(['alarms'])
    expect(pattern('a.b').test('axb')).toBe(false)
  })
  const ratio: FieldConfig = {
    decimals: 1, noValue: 'Nothing',
    mappings: [
      { type: 'special', options: { match: 'null+nan', result: { text: 'No history yet', color: 'text' } } },
      { type: 'range', options: { from: null, to: 1.5, result: { text: 'Normal', color: 'green' } } },
      { type: 'range', options: { from: 1.5, to: null, result: { text: 'Busy', color: 'orange' } } },
    ],
  }
  it.each([[null, 'No history yet', 'text'], [0, 'Normal', 'green'], [1.5, 'Normal', 'green'], [1.51, 'Busy', 'orange']])('maps %s to %s', (v, text, color) => {
    expect(display(v, ratio, 'en')).toEqual({ text, color, mapped: true })
  })
  it('take the colour of the last threshold reached, none before the first', () => {
    const c: FieldConfig = { unit: 'ms', thresholds: { mode: 'absolute', steps: [{ value: null, color: 'text' }, { value: 90_000, color: 'orange' }, { value: 180_000, color: 'red' }] } }
    expect([89_999, 90_000, 180_000].map((v) => display(v, c, 'en').color)).toEqual([undefined, 'orange', 'red'])
  })
  it('say that there is none', () => {
    expect(display(null, { noValue: 'No data archived' }, 'fr')).toEqual({ text: 'Rien d’archivé', color: undefined, mapped: false })
  })
})

describe('units', () => {
  const f = (v: number | string | boolean, unit: string, decimals = 0, lang: 'en' | 'fr' = 'en') => format(v, { unit, decimals }, lang).replace(/[\u00a0\u202f]/g, ' ')
  it.each([
    [f(12345, 'none'), '12345'], [f(12345, 'locale'), '12,345'], [f(12345, 'locale', 0, 'fr'), '12 345'], [f(1250, 'short'), '1.3k'], [f(0.985, 'percentunit', 1), '98.5%'],
    [f(98.5, 'percent', 1, 'fr'), '98,5 %'], [f(90_000, 'ms'), '1 min 30 s'], [f(90, 's'), '1 min 30 s'], [f(4, 'suffix:/day'), '4/day'], [f('x', 'locale'), 'x'], [f(true, 'none', 0, 'fr'), 'Oui'],
  ])('%s', (got, want) => expect(got).toBe(want))
  it('shows a duration in its two greatest units', () => {
    expect([240, 42_000, 725_000, 12_000_000, 1_051_200_000].map((ms) => duration(ms, 'en'))).toEqual(['240 ms', '42 s', '12 min', '3 h 20', '12 d 4 h'])
  })
})

describe('ranges', () => {
  it('read the address, and fall back on the dashboard when it names none', () => {
    const own = { from: 'now-1h', to: 'now' }
    expect(asked('?from=1000&to=2000', own, 9e9)).toEqual({ from: '1000', to: '2000' })
    expect([asked('?from=2000&to=1000', own, 9e9), asked('?from=soon', own, 9e9), asked('', own, 9e9)]).toEqual([own, own, own])
    expect(resolve({ from: 'now-15m', to: 'now' }, 1_000_000)).toEqual({ from: 100_000, to: 1_000_000 })
  })
  it('cut into widths that the data source knows too', () => {
    const hour = 3_600_000
    expect([hour / 4, hour, 6 * hour, 24 * hour, 7 * 24 * hour, 400 * 24 * hour].map((r) => bucket(0, r, 60) / 1000)).toEqual([30, 60, 600, 1_800, 10_800, 604_800])
  })
  it('know how often to look again', () => expect([every('10s'), every('5m'), every(''), every(undefined)]).toEqual([10_000, 300_000, 0, 0]))
})

describe('links', () => {
  it('stay on this page and carry row and range', () => {
    expect(address('${console}/?site=${__data.fields.site.numeric}', { site: 42 }, 'from=1')).toBe('/?site=42')
    expect(address('${console}/?incident=${__data.fields.incident}', { incident: 'a&b' }, '')).toBe('/?incident=a%26b')
    expect(address('/d/vigie-centre-now', {}, 'from=1&to=2')).toBe('/dashboards/vigie-centre-now?from=1&to=2')
  })
})

describe('the committed dashboards', () => {
  it('use only colours and panels that this page has', () => {
    const names = new Set<string>()
    JSON.stringify(dashboards, (k, v) => {
      if ((k === 'color' || k === 'fixedColor') && typeof v === 'string') names.add(v)
      return v as unknown
    })
    expect([...names].filter((n) => !/^#[0-9a-f]{6}$/.test(colour(n, 'dark')))).toEqual([])
    expect(dashboards.flatMap((d) => d.panels).filter((p) => !['stat', 'timeseries', 'table', 'bargauge', 'text'].includes(p.type))).toEqual([])
  })
  it('say the same in English as their JSON', () => expect(say('Centre now', 'en')).toBe('Centre now'))
})
