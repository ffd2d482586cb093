import type { SiteAct } from './forms'
import type { ActName, ActOutcome, Call, Detection, Incident, Policy, Problem, Sent, Site, SitesActed } from './types'

/** The most sites that the page keeps; beyond, the search asks the server. */
export const MAX_SITES = 20_000
const PAGE = 2_000

export class Refused extends Error {
  constructor(readonly problem: Problem) {
    super(problem.detail ?? problem.title)
  }
}

async function get<T>(path: string): Promise<T> {
  const r = await fetch(path, { headers: { Accept: 'application/json' } })
  if (r.status === 401) location.assign('/login')
  if (!r.ok) throw new Refused(await problemOf(r))
  return (await r.json()) as T
}

async function problemOf(r: Response): Promise<Problem> {
  try {
    return (await r.json()) as Problem
  } catch {
    return { type: 'about:blank', title: `HTTP ${r.status}`, status: r.status }
  }
}

export interface Person {
  name: string
  role: string
}

export const me = () => get<Person>('/api/v1/me')

/** Who may log in; for a shift leader. */
export const people = async () => (await get<{ people: Person[] }>('/api/v1/people')).people

/** Lets somebody in, and gives the link that opens their session, once. */
export const invite = async (p: Person, lang: string) => (await post<{ link: string }>('/api/v1/people', p, lang)).link

export async function letOut(name: string, lang: string): Promise<void> {
  const r = await fetch(`/api/v1/people/${encodeURIComponent(name)}`, { method: 'DELETE', headers: { 'Accept-Language': lang } })
  if (!r.ok) throw new Refused(await problemOf(r))
}

export const policy = () => get<Policy>('/api/v1/policy')

export async function* sites(): AsyncGenerator<{ sites: Site[]; total: number }> {
  let after = 0
  for (let kept = 0; kept < MAX_SITES; ) {
    const page = await get<{ sites: Site[]; total: number; next?: number }>(`/api/v1/sites?limit=${PAGE}&after=${after}`)
    yield page
    kept += page.sites.length
    if (!page.next) return
    after = page.next
  }
}

export async function detections(): Promise<Detection[]> {
  return (await get<{ detections: Detection[] }>('/api/v1/detections?open=all&limit=1000')).detections
}

export async function incidents(): Promise<Incident[]> {
  return (await get<{ incidents: Incident[] }>('/api/v1/incidents?limit=5000')).incidents
}

/** What a site sent in the last hour. */
export const transmissions = (s: Site) => get<Sent>(`/api/v1/sites/${s.site}/transmissions`)

/** A new key for each act; the same one would be the same act. */
export function newKey(): string {
  const b = crypto.getRandomValues(new Uint8Array(16))
  return Array.from(b, (x) => x.toString(16).padStart(2, '0')).join('')
}

/** How often an act that the log has not decided is asked for again, and how many times. */
const POLL_MS = 1_000
const POLLS = 30

async function post<T>(path: string, body: unknown, lang: string, key = newKey()): Promise<T> {
  const r = await fetch(path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'Idempotency-Key': key, 'Accept-Language': lang },
    body: JSON.stringify(body),
  })
  if (!r.ok) throw new Refused(await problemOf(r))
  return (await r.json()) as T
}

const nap = () => new Promise((resolve) => setTimeout(resolve, POLL_MS))

/** Does something, and resolves with what the log decided. */
async function decided(path: string, body: unknown, lang: string): Promise<ActOutcome> {
  let out = await post<ActOutcome>(path, body, lang)
  for (let i = 0; out.status === 'pending' && i < POLLS; i++) {
    await nap()
    out = await get<ActOutcome>(`/api/v1/operator-actions/${out.id}`)
  }
  if (out.status === 'refused') {
    throw new Refused({ type: `/problems/${out.reason ?? 'act-refused'}`, title: out.reason ?? '', status: 409, ...(out.holder ? { holder: out.holder } : {}) })
  }
  return out
}

type Fields = Record<string, unknown>

/** Does something to an incident. */
export const act = (name: ActName, incident: string, fields: Fields, lang: string) => decided('/api/v1/operator-actions', { act: name, incident, ...fields }, lang)

/** Arranges something with a site. */
export const siteAct = (name: SiteAct, site: number, fields: Fields, lang: string) => decided(`/api/v1/sites/${site}/acts`, { act: name, ...fields }, lang)

/** A step of a call. */
export const callStep = (step: string, fields: Fields, lang: string) => decided('/api/v1/calls', { step, ...fields }, lang)

/** One's own shift. */
export const shift = (name: string, fields: Fields, lang: string) => decided('/api/v1/shifts', { act: name, ...fields }, lang)

/** Arranges the same with a whole group; sent again with its key until every site has decided. */
export async function groupAct(name: SiteAct, group: string, fields: Fields, lang: string, progress: (p: SitesActed) => void): Promise<SitesActed> {
  const key = newKey()
  for (let i = 0; ; i++) {
    const out = await post<SitesActed>('/api/v1/site-acts', { act: name, group, ...fields }, lang, key)
    progress(out)
    if (out.completed || i >= POLLS) return out
    await nap()
  }
}

export const calls = async () => (await get<{ calls: Call[] }>('/api/v1/calls')).calls

/** The texts of a site's consignes; each look is noted. */
export const consigneTexts = (site: number) => get<{ consigne: string; text?: string; shredded?: boolean }[]>(`/api/v1/sites/${site}/consignes`)
