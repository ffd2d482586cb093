import { act, callStep, Refused, shift, siteAct } from './api'
import type { SiteAct } from './forms'
import { i18n } from './i18n.svelte'
import type { ActName, ActOutcome } from './types'

type Fields = Record<string, unknown>

/** Acts that wait for the log, and what came of the last one of each thing: an incident, a site, a call, the shift. */
class Desk {
  pending = $state<Record<string, string | undefined>>({})
  said = $state<Record<string, { ok: boolean; text: string } | undefined>>({})

  /** Never optimistic: the row changes when the log says so. */
  private async run(thing: string, name: string, ask: () => Promise<ActOutcome>): Promise<boolean> {
    if (this.pending[thing]) return false
    this.pending[thing] = name
    delete this.said[thing]
    try {
      const out = await ask()
      const ok = out.status === 'accepted'
      this.said[thing] = { ok, text: ok ? i18n.m.accepted : i18n.m.pending }
      return ok
    } catch (e) {
      this.said[thing] = { ok: false, text: refusal(e) }
      return false
    } finally {
      delete this.pending[thing]
    }
  }

  do(name: ActName, incident: string, fields: Fields = {}): Promise<boolean> {
    return this.run(incident, name, () => act(name, incident, fields, i18n.lang))
  }

  site(name: SiteAct, site: number, fields: Fields = {}): Promise<boolean> {
    return this.run(`site-${site}`, name, () => siteAct(name, site, fields, i18n.lang))
  }

  call(step: string, call: string, fields: Fields = {}): Promise<boolean> {
    return this.run('calls', step, () => callStep(step, { ...(call ? { call } : {}), ...fields }, i18n.lang))
  }

  shift(name: string, fields: Fields = {}): Promise<boolean> {
    return this.run('shift', name, () => shift(name, fields, i18n.lang))
  }
}

/** Why the desk or the log refused, in the page's language. */
export function refusal(e: unknown): string {
  if (!(e instanceof Refused)) return String(e)
  const slug = e.problem.type.replace('/problems/', '')
  const reason = (e.problem.detail ?? '').split(':')[0] ?? ''
  const text = i18n.m.refused[reason] ?? i18n.m.refused[slug] ?? e.problem.detail ?? e.problem.title
  if (slug === 'invalid' && e.problem.detail) return `${text}: ${e.problem.detail}`
  return e.problem.holder ? `${text} ${i18n.m.heldBy(e.problem.holder)}` : text
}

export const desk = new Desk()
