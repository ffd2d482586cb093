import { describe, expect, it } from 'vitest'
import { age, rate, span } from './format'
import { liveness, STALE_AFTER_MS } from './live'
import { en, fr } from './messages'
import { arrange, feed, inSight, queue, rank, severity } from './order'
import type { Detection, Incident, Pipeline, Site } from './types'

const pipeline = (over: Partial<Pipeline> = {}): Pipeline => ({
  at_ms: 0, events_per_second: 1, heartbeats_per_second: 1, lag_records: 0, lag_ms: 0, watermark_age_ms: 300, live: true,
  sites: 0, open_detections: 0, open_incidents: 0, ...over,
})
const site = (n: number, over: Partial<Site> = {}): Site => ({ site: n, name: `S-${n}`, version: 1, ...over })
const incident = (id: string, priority: number, opened: number, over: Partial<Incident> = {}): Incident => ({
  id, site: 1, version: 1, class_group: 'life', class: 'fire', status: 'open', priority, changed_at_ms: 0, opened_at_ms: opened, alarms: 1, ...over,
})

describe('the page says that it is not live', () => {
  it('is live while the stream speaks and the watermark is young', () => {
    expect(liveness(10_000, 0, 9_000, 9_000, pipeline())).toEqual({ state: 'live' })
  })
  it('connects before the first word, and gives up being patient after 5 s', () => {
    expect(liveness(4_000, 0, 0, 0, null).state).toBe('connecting')
    expect(liveness(5_001, 0, 0, 0, null)).toMatchObject({ state: 'stale', why: 'connection', since: 0 })
  })
  it('counts silence from the last word', () => {
    expect(liveness(9_000 + STALE_AFTER_MS, 0, 9_000, 9_000, pipeline()).state).toBe('stale')
    expect(liveness(9_001 + STALE_AFTER_MS, 0, 9_000, 9_000, pipeline())).toMatchObject({ why: 'connection', since: 9_000 })
  })
  it('is stale when processing is behind though the stream speaks', () => {
    expect(liveness(20_000, 0, 20_000, 20_000, pipeline({ watermark_age_ms: 7_000 }))).toEqual({ state: 'stale', since: 13_000, why: 'processing', behindMs: 7_000 })
    expect(liveness(20_000, 0, 20_000, 20_000, pipeline({ live: false })).state).toBe('stale')
  })
  it('ages figures that stopped coming while other events still do', () => {
    expect(liveness(20_000, 0, 20_000, 14_000, pipeline({ watermark_age_ms: 300 })).state).toBe('stale')
  })
})

describe('rows stay under the hand', () => {
  it('shows the wished order when nobody holds', () => {
    expect(arrange(['a', 'b'], ['c', 'b', 'a'], false)).toEqual({ order: ['c', 'b', 'a'], waiting: 0 })
  })
  it('keeps order and counts what waits while held', () => {
    expect(arrange(['a', 'b'], ['c', 'b', 'a'], true)).toEqual({ order: ['a', 'b'], waiting: 1 })
  })
  it('lets go of rows that are no more', () => {
    expect(arrange(['a', 'b'], ['c', 'b'], true)).toEqual({ order: ['b'], waiting: 1 })
  })
  it('holds nothing when nothing was shown', () => {
    expect(arrange([], ['a'], true)).toEqual({ order: ['a'], waiting: 0 })
  })
})

describe('order of work', () => {
  it('puts the most urgent first, then the oldest, and leaves closed ones out', () => {
    const q = queue([incident('a', 2, 1), incident('b', 1, 9), incident('c', 1, 3), incident('d', 1, 0, { status: 'closed' })])
    expect(q.map((i) => i.id)).toEqual(['c', 'b', 'a'])
  })
  it('lists open detections before closed ones, the newest first', () => {
    const d = (id: string, opened: number, closed?: number): Detection => ({
      id, site: 1, kind: 'path-lost', status: closed ? 'closed' : 'opened', at_ms: opened, opened_at_ms: opened, explanation: { fr: '', en: '' },
      ...(closed ? { closed_at_ms: closed } : {}),
    })
    expect(feed([d('a', 1), d('b', 5), d('c', 2, 9), d('e', 3, 4)]).map((x) => x.id)).toEqual(['b', 'a', 'c', 'e'])
  })
})

describe('sites', () => {
  it('knows what asks for a look', () => {
    expect(severity(site(1))).toBe(4)
    expect(severity(site(1, { closure: 'none', paths: [{ path: 1, status: 'ok' }] }))).toBe(4)
    expect(severity(site(1, { paths: [{ path: 1, status: 'late' }] }))).toBe(3)
    expect(severity(site(1, { closure: 'detected' }))).toBe(3)
    expect(severity(site(1, { communication_lost: true }))).toBe(2)
    expect(severity(site(1, { open_zones: [{ zone: '1', class: 'fire', since_ms: 0, alarms: 1 }] }))).toBe(1)
  })
  it('ranks by severity, then number, and searches number, label and account', () => {
    const all = [site(3), site(2, { storm: true }), site(1, { label: 'Bijouterie, Metz', account: '77AB' })]
    expect(rank(all, '', false).map((s) => s.site)).toEqual([2, 1, 3])
    expect(rank(all, '', true).map((s) => s.site)).toEqual([2])
    expect(rank(all, ' metz ', false).map((s) => s.site)).toEqual([1])
    expect(rank(all, '77ab', false).map((s) => s.site)).toEqual([1])
    expect(rank(all, 's-3', false).map((s) => s.site)).toEqual([3])
  })
  it('draws a window of ten thousand rows', () => {
    const w = inSight(100_000, 600, 38, 10_000)
    expect(w.to - w.from).toBeLessThan(40)
    expect(w.from * 38).toBeLessThanOrEqual(100_000)
    expect(w.to * 38).toBeGreaterThanOrEqual(100_600)
    expect(inSight(0, 600, 38, 3)).toEqual({ from: 0, to: 3 })
    expect(inSight(9_999_999, 600, 38, 3)).toEqual({ from: 3, to: 3 })
  })
})

describe('figures', () => {
  it('shows ages at a steady width', () => {
    expect(age(7_000, 'fr')).toBe('0:07')
    expect(age(3_599_000, 'fr')).toBe('59:59')
    expect(age(3_600_000, 'fr')).toBe('1 h 00')
    expect(age(200_000_000, 'fr')).toBe('2 j')
    expect(age(-5, 'en')).toBe('0:00')
  })
  it('shows spans and rates in the language', () => {
    expect(span(240, 'en')).toBe('240 ms')
    expect(span(1_500, 'fr')).toBe('1,5 s')
    expect(span(600_000, 'fr')).toBe('10 min')
    expect(rate(3.14, 'fr')).toBe('3,1')
    expect(rate(0, 'fr')).toBe('0')
  })
})

describe('messages', () => {
  const walk = (o: object, at = ''): [string, unknown][] =>
    Object.entries(o).flatMap(([k, v]) => (typeof v === 'object' && v !== null ? walk(v, `${at}${k}.`) : [[at + k, v] as [string, unknown]]))
  it('has the same keys in both languages, none empty but what is nothing', () => {
    expect(walk(en).map(([k]) => k).sort()).toEqual(walk(fr).map(([k]) => k).sort())
    for (const [k, v] of [...walk(fr), ...walk(en)]) if (k !== 'closure.none') expect(v, k).toBeTruthy()
  })
})
