import { describe, expect, it } from 'vitest'
import centre from '../../centre-now.json'
import closed from '../../closed-around-the-clock.json'
import { asks, choose, figures, filled, FIRST, give, labels, open, siteNumber, wrong } from './query'
import type { NamedQuery, VigieQuery } from './types'

const byClass: NamedQuery = {
  name: 'alarms_by_class', doc: 'Alarms.', timeSeries: true,
  params: [{ name: 'from', unit: 'time', doc: '', panel: true, optional: false }, { name: 'bucket_ms', unit: 'ms', doc: '', panel: true, optional: false }],
  columns: [{ name: 'time', unit: 'time', doc: '' }, { name: 'class', unit: '', doc: '' }, { name: 'alarms', unit: 'count', doc: '' }],
}
const waiting: NamedQuery = {
  name: 'incidents_waiting', doc: 'Incidents.', timeSeries: false, columns: [],
  params: [{ name: 'to', unit: 'time', doc: '', panel: true, optional: false }, { name: 'limit', unit: 'count', doc: '', panel: false, optional: false }],
}
const query = (over: Partial<VigieQuery> = {}): VigieQuery => ({ refId: 'A', ...over })

describe('a query is asked', () => {
  it.each([
    ['that names one', query({ query: 'queue_now' }), true],
    ['for live states', query({ queryType: 'sites' }), true],
    ['that is the first of a panel', query(FIRST), true],
    ['not when it names none', query(), false],
    ['not when it is hidden', query({ query: 'queue_now', hide: true }), false],
  ])('%s', (_, q, want) => expect(asks(q)).toBe(want))
  it('for every target of the dashboards', () => {
    const dashboards = [centre, closed] as unknown as { panels: { targets?: VigieQuery[] }[] }[]
    const targets = dashboards.flatMap((d) => d.panels).flatMap((p) => p.targets ?? [])
    expect(targets.length).toBeGreaterThan(20)
    expect(targets.filter((q) => !asks(q) || q.queryType !== 'named')).toEqual([])
  })
})

describe('choosing a query', () => {
  it('keeps the parameters that the new one takes, and no column of the old one', () => {
    const old = query({ query: 'x', params: { limit: '5', window_ms: '1' }, format: 'timeseries', value: ['a'], label: ['b'], site: 4 })
    expect(choose(old, waiting)).toEqual({ refId: 'A', queryType: 'named', query: 'incidents_waiting', params: { limit: '5' }, format: 'table', value: undefined, label: undefined, site: undefined })
  })
  it('draws what is over time', () => expect(choose(query(), byClass).format).toBe('timeseries'))
  it('offers what has a unit as figure, names as labels, and not what the panel gives', () => {
    expect([figures(byClass), labels(byClass), open(byClass), open(waiting)].map((l) => l.map((x) => x.name))).toEqual([['alarms'], ['class'], [], ['limit']])
  })
})

describe('parameters', () => {
  it('are given and taken away', () => {
    expect(give(query({ params: { a: '1' } }), 'b', ' 2 ').params).toEqual({ a: '1', b: '2' })
    expect(give(query({ params: { a: '1', b: '2' } }), 'b', ' ').params).toEqual({ a: '1' })
  })
  const [, limit] = waiting.params
  it.each([['50', undefined], ['$limit', undefined], ['${limit}', undefined], ['many', 'A whole number is expected.'], ['-1', 'A whole number is expected.'], ['', 'A value is needed.'], [undefined, 'A value is needed.']])('%s', (text, says) =>
    expect(limit && wrong(limit, text)).toBe(says))
  it('may be any text where it is a name', () => expect(limit && wrong({ ...limit, unit: '' }, 'a.martin')).toBeUndefined())
  it('may be missing where one is optional', () => expect(limit && wrong({ ...limit, optional: true }, '')).toBeUndefined())
  it('take the variables of the dashboard, and leave the query as it was', () => {
    const q = query({ params: { limit: '$n' } })
    expect(filled(q, {}, (text) => text.replace('$n', '7')).params).toEqual({ limit: '7' })
    expect(q.params).toEqual({ limit: '$n' })
  })
})

describe('the number of a site', () => {
  it.each([['42', 42], [' S-42 ', 42], ['s-7', 7], ['', undefined], ['0', undefined], ['4.2', undefined], ['site', undefined]])('%s', (text, n) => expect(siteNumber(text)).toBe(n))
})
