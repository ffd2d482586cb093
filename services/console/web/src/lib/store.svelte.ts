import * as api from './api'
import { liveness, type Live } from './live'
import type { Messages } from './messages'
import type { Call, Detection, Incident, Pipeline, Policy, Site } from './types'

/** Closed detections that the page keeps. */
const MAX_CLOSED = 200
/** Changes are painted together, at most this often. */
const PAINT_MS = 100
/** How long a call counts after its last step. */
const CALLS_FOR_MS = 3_600_000
/** How soon a load that failed is tried again. */
const RELOAD_MS = 2_000

/**
 * Everything that the page knows, kept by the live stream. Maps are changed in
 * place; what depends on them reads `painted`, which moves once for many
 * changes.
 */
export class Store {
  sites = new Map<number, Site>()
  detections = new Map<string, Detection>()
  incidents = new Map<string, Incident>()
  /** By name and beginning. */
  calls = new Map<string, Call>()
  painted = $state(0)
  pipeline = $state.raw<Pipeline | null>(null)
  policy = $state.raw<Policy | null>(null)
  totalSites = $state(0)
  loaded = $state(false)
  user = $state('')
  role = $state('')
  /** This machine's clock, twice a second. */
  now = $state(Date.now())
  live = $state.raw<Live>({ state: 'connecting' })
  /** The log's clock less this machine's, ms. */
  skew = 0

  private startedAt = Date.now()
  private messageAt = 0
  private pipelineAt = 0
  private dirty = false
  private load = 0
  private seenIn = new Map<string, number>()

  /** Follows the stream for as long as the page lives. */
  start(): void {
    void api.me().then((me) => ([this.user, this.role] = [me.name, me.role]))
    setInterval(() => this.tick(), 500)
    setInterval(() => this.paint(), PAINT_MS)
    this.connect()
  }

  /** Now, on the clock that the server stamps with. */
  get serverNow(): number {
    return this.now + this.skew
  }

  /** What people call a site: its number and label, or the account that nobody declared. Follows changes. */
  called(site: number, m: Messages): string {
    void this.painted
    const s = this.sites.get(site)
    const name = s?.undeclared && s.account ? m.account(s.account) : `S-${site}`
    return s?.label ? `${name} · ${s.label}` : name
  }

  private connect(): void {
    const es = new EventSource('/api/v1/stream')
    const on = (name: string, take: (data: string) => void) =>
      es.addEventListener(name, (e) => {
        this.messageAt = Date.now()
        take((e as MessageEvent<string>).data)
      })
    on('reset', () => void this.reload())
    on('site', (d) => this.takeSite(JSON.parse(d) as Site, true))
    on('detection', (d) => this.takeDetection(JSON.parse(d) as Detection))
    on('incident', (d) => this.takeIncident(JSON.parse(d) as Incident))
    on('outcome', (d) => this.takeCall((JSON.parse(d) as { call?: Call }).call))
    on('pipeline', (d) => this.takePipeline(JSON.parse(d) as Pipeline))
    on('at', () => undefined)
    es.onerror = () => {
      if (es.readyState !== EventSource.CLOSED) return
      // The browser gave up: an answer that was no stream. Not signed in any
      // more shows as 401 and leads to the login page; else try again.
      es.close()
      void api.me().catch(() => undefined)
      setTimeout(() => this.connect(), RELOAD_MS)
    }
  }

  /** Loads every list anew; what the stream says meanwhile is newer and stays. */
  private async reload(): Promise<void> {
    const load = ++this.load
    try {
      const [detections, incidents, policy, calls] = await Promise.all([api.detections(), api.incidents(), api.policy(), api.calls()])
      if (load !== this.load) return
      for (const d of detections) this.takeDetection(d)
      for (const i of incidents) this.takeIncident(i)
      for (const c of calls) this.takeCall(c)
      this.policy = policy
      for await (const page of api.sites()) {
        if (load !== this.load) return
        this.totalSites = page.total
        for (const s of page.sites) this.takeSite(s, false)
      }
      this.forgetUnseen(load)
      this.paint() // what is loaded shows at once: an empty queue must never flash
      this.loaded = true
    } catch {
      setTimeout(() => load === this.load && void this.reload(), RELOAD_MS)
    }
  }

  private forgetUnseen(load: number): void {
    const stale = (key: string) => this.seenIn.get(key) !== load
    for (const n of this.sites.keys()) if (stale(`s${n}`)) this.sites.delete(n)
    for (const id of this.detections.keys()) if (stale(`d${id}`)) this.detections.delete(id)
    for (const id of this.incidents.keys()) if (stale(`i${id}`)) this.incidents.delete(id)
    for (const [key, l] of this.seenIn) if (l !== load) this.seenIn.delete(key)
    this.dirty = true
  }

  private takeSite(s: Site, streamed: boolean): void {
    this.dirty = true
    this.seenIn.set(`s${s.site}`, this.load)
    const old = this.sites.get(s.site)
    if (s.removed) {
      this.sites.delete(s.site)
      return
    }
    if (old && (streamed ? s.version < old.version : s.version <= old.version)) return
    if (old || this.sites.size < api.MAX_SITES) this.sites.set(s.site, s)
  }

  private takeDetection(d: Detection): void {
    this.seenIn.set(`d${d.id}`, this.load)
    const old = this.detections.get(d.id)
    if (old && (old.at_ms > d.at_ms || (old.status === 'closed' && d.status !== 'closed'))) return
    // Put last, so that the map's order is the order of change.
    this.detections.delete(d.id)
    this.detections.set(d.id, d)
    this.dirty = true
  }

  private takeIncident(i: Incident): void {
    this.dirty = true
    this.seenIn.set(`i${i.id}`, this.load)
    const old = this.incidents.get(i.id)
    if (i.removed || i.status === 'closed') {
      if (!old || i.removed || i.version >= old.version) this.incidents.delete(i.id)
      return
    }
    if (!old || i.version >= old.version) this.incidents.set(i.id, i)
  }

  private takeCall(c: Call | undefined): void {
    if (!c) return
    const key = `${c.call} ${c.offered_at_ms}`
    if ((this.calls.get(key)?.at_ms ?? 0) > c.at_ms) return
    this.calls.set(key, c)
    for (const [k, old] of this.calls) if (c.at_ms - old.at_ms > CALLS_FOR_MS) this.calls.delete(k)
    this.dirty = true
  }

  private takePipeline(p: Pipeline): void {
    this.pipelineAt = Date.now()
    this.skew = p.at_ms - this.pipelineAt
    if (p.policy_version && p.policy_version !== this.policy?.version) {
      void api.policy().then((x) => (this.policy = x)).catch(() => undefined)
    }
    this.totalSites = p.sites
    this.pipeline = p
    this.tick()
  }

  private tick(): void {
    this.now = Date.now()
    this.live = liveness(this.now, this.startedAt, this.messageAt, this.pipelineAt, this.pipeline)
  }

  private paint(): void {
    if (!this.dirty) return
    this.dirty = false
    let closed = 0
    for (const d of [...this.detections.values()].reverse()) {
      if (d.status === 'closed' && ++closed > MAX_CLOSED) {
        this.detections.delete(d.id)
        this.seenIn.delete(`d${d.id}`)
      }
    }
    this.painted++
  }
}

export const store = new Store()
