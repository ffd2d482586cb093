import { act, Refused } from './api'
import { i18n } from './i18n.svelte'
import type { ActName } from './types'

/** Acts that wait for the log, and what came of the last one of each incident. */
class Desk {
  pending = $state<Record<string, ActName | undefined>>({})
  said = $state<Record<string, { ok: boolean; text: string } | undefined>>({})

  /** Never optimistic: the row changes when the log says so. */
  async do(name: ActName, incident: string, fields: Record<string, string> = {}): Promise<boolean> {
    if (this.pending[incident]) return false
    this.pending[incident] = name
    delete this.said[incident]
    try {
      const out = await act(name, incident, fields, i18n.lang)
      const ok = out.status === 'accepted'
      this.said[incident] = { ok, text: ok ? i18n.m.accepted : i18n.m.pending }
      return ok
    } catch (e) {
      this.said[incident] = { ok: false, text: refusal(e) }
      return false
    } finally {
      delete this.pending[incident]
    }
  }
}

function refusal(e: unknown): string {
  if (!(e instanceof Refused)) return String(e)
  const slug = e.problem.type.replace('/problems/', '')
  const text = i18n.m.refused[slug] ?? i18n.m.refused[e.problem.detail ?? ''] ?? e.problem.detail ?? e.problem.title
  return e.problem.holder ? `${text} ${i18n.m.heldBy(e.problem.holder)}` : text
}

export const desk = new Desk()
