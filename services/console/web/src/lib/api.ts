import type { ActName, ActOutcome, Detection, Incident, Policy, Problem, Sent, Site } from './types'

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

export async function me(): Promise<string> {
  return (await get<{ name: string }>('/api/v1/me')).name
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

/** Does something to an incident, and resolves with what the log decided. */
export async function act(act: ActName, incident: string, fields: Record<string, string>, lang: string): Promise<ActOutcome> {
  const r = await fetch('/api/v1/operator-actions', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'Idempotency-Key': newKey(), 'Accept-Language': lang },
    body: JSON.stringify({ act, incident, ...fields }),
  })
  if (!r.ok) throw new Refused(await problemOf(r))
  let out = (await r.json()) as ActOutcome
  for (let i = 0; out.status === 'pending' && i < POLLS; i++) {
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
    out = await get<ActOutcome>(`/api/v1/operator-actions/${out.id}`)
  }
  if (out.status === 'refused') {
    throw new Refused({ type: `/problems/${out.reason ?? 'act-refused'}`, title: out.reason ?? '', status: 409, ...(out.holder ? { holder: out.holder } : {}) })
  }
  return out
}
