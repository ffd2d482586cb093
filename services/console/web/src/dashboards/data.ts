import type { Lang } from '../lib/format'
import type { Problem } from '../lib/types'
import { bucket } from './range'
import type { Answer, Dashboard, QueryInfo, Target } from './model'

/** An answer that is none: what happened and what to do, in the reader's language. */
export class NoAnswer extends Error {}

async function get<T>(path: string, lang: Lang): Promise<{ body: T; date: string | null }> {
  const r = await fetch(path, { headers: { Accept: 'application/json', 'Accept-Language': lang } })
  await refused(r)
  return { body: (await r.json()) as T, date: r.headers.get('Date') }
}

async function refused(r: Response): Promise<void> {
  if (r.ok) return
  if (r.status === 401) location.assign('/login')
  let p: Problem = { type: '', title: `HTTP ${r.status}`, status: r.status }
  try {
    p = (await r.json()) as Problem
  } catch {
    // A proxy answered, not Vigie.
  }
  throw new NoAnswer(p.detail ? `${p.title}: ${p.detail}` : p.title)
}

/** The clocks of server and browser may differ by that much before it counts. */
const SKEW_MS = 2_000

/** One dashboard, what queries take, and how far the server's clock is ahead. */
export async function load(uid: string, lang: Lang): Promise<{ dashboard: Dashboard; takes: Map<string, string[]>; skew: number }> {
  const [d, q] = await Promise.all([get<Dashboard>(`/api/v1/dashboards/${encodeURIComponent(uid)}`, lang), get<QueryInfo[]>('/api/v1/queries', lang)])
  const ahead = d.date ? Date.parse(d.date) + 500 - Date.now() : 0
  return { dashboard: d.body, takes: new Map(q.body.map((i) => [i.name, i.params.map((p) => p.name)])), skew: Math.abs(ahead) > SKEW_MS ? ahead : 0 }
}

export const list = async (lang: Lang) => (await get<{ uid: string; title: string }[]>('/api/v1/dashboards', lang)).body

/**
 * One look at the centre: all panels ask for the same range, and those that ask
 * the same question share its answer.
 */
export class Look {
  private answers = new Map<string, Promise<Answer>>()

  constructor(
    readonly from: number,
    readonly to: number,
    readonly lang: Lang,
    private readonly takes: Map<string, string[]>,
  ) {}

  ask(t: Target, points: number): Promise<Answer> {
    const given: Record<string, string> = { from: String(this.from), to: String(this.to), bucket_ms: String(bucket(this.from, this.to, points)) }
    const params: Record<string, string> = { ...t.params }
    for (const name of this.takes.get(t.query) ?? []) if (given[name] !== undefined) params[name] = given[name]
    const key = `${t.query} ${JSON.stringify(params)}`
    let answer = this.answers.get(key)
    if (!answer) this.answers.set(key, (answer = this.run(t.query, params)))
    return answer
  }

  private async run(query: string, params: Record<string, string>): Promise<Answer> {
    const r = await fetch(`/api/v1/queries/${query}`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'Accept-Language': this.lang },
      body: JSON.stringify({ params }),
    })
    await refused(r)
    return (await r.json()) as Answer
  }
}

/** Where a link of the JSON leads on this page; row gives the fields of its row. */
export function address(url: string, row: Record<string, unknown>, keep: string): string {
  const filled = url
    .replace(/\$\{console\}/g, '')
    .replace(/\$\{__data\.fields\.([a-z_]+)(?:\.numeric|\.text)?\}/g, (_, name: string) => encodeURIComponent(String(row[name] ?? '')))
  const local = filled.replace(/^\/d\//, '/dashboards/')
  return keep && local.startsWith('/dashboards/') ? `${local}?${keep}` : local
}
