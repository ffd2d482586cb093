import { describe, expect, it } from 'vitest'
import { callFigures, openCalls } from './calls'
import { formOf, incidentForms, siteForms, values } from './forms'
import { onboarding } from './order'
import type { Call, Site } from './types'
import { enWords, frWords } from './words'

const call = (c: Partial<Call>): Call => ({ call: 'k', step: 'offered', offered_at_ms: 0, at_ms: 0, within_ms: 20_000, share_percent: 80, ...c })

describe('calls', () => {
  it('judges what was answered, and what was given up too late', () => {
    const f = callFigures([
      call({ answered_at_ms: 20_000 }), call({ answered_at_ms: 20_001 }), call({ ended_at_ms: 5_000 }), call({ ended_at_ms: 25_000 }), call({}),
    ])
    expect(f).toMatchObject({ offered: 5, answered: 2, abandoned: 2, waiting: 1, target: 0.8, withinMs: 20_000 })
    expect(f.share).toBeCloseTo(1 / 3)
  })
  it('has no share where nothing can be judged', () => {
    expect(callFigures([call({}), call({ ended_at_ms: 5_000 })]).share).toBeNull()
  })
  it('shows who waits before who speaks, the longest first', () => {
    const rows = openCalls([call({ call: 'c', answered_at_ms: 1 }), call({ call: 'b', offered_at_ms: 2 }), call({ call: 'a', offered_at_ms: 1 }), call({ call: 'x', ended_at_ms: 9 })])
    expect(rows.map((c) => c.call)).toEqual(['a', 'b', 'c'])
  })
})

describe('forms', () => {
  const now = 1_000_000
  it('leaves out what is empty; spans count from now, or from the start', () => {
    const visit = siteForms['visit-announce']
    expect(values(visit, { by: 'contact-1', authenticated_how: 'passcode', user_code: ' 12 ', person: '', until_ms: '3600000' }, now)).toEqual({
      by: 'contact-1', authenticated_how: 'passcode', user_code: '12', until_ms: now + 3_600_000,
    })
    const start = new Date('2026-11-24T10:00').getTime()
    expect(values(visit, { from_ms: '2026-11-24T10:00', until_ms: '3600000' }, now)).toEqual({ from_ms: start, until_ms: start + 3_600_000 })
  })
  it('makes lists, steps in order, ticks and numbers of what was filled in', () => {
    expect(values(siteForms['test-on'], { zones: '001, 002;003' }, now)['zones']).toEqual(['001', '002', '003'])
    expect(values(siteForms['consigne-set'], { steps: 'video call-police' }, now)['steps']).toEqual([{ kind: 'video' }, { kind: 'call-police' }])
    expect(values(incidentForms.police, { arrived: 'yes' }, now)).toEqual({ arrived: true })
    expect(values(siteForms['contacts-set'], { on_site: '2' }, now)).toEqual({ on_site: 2 })
  })
  it('leads from each step of a consigne to the form that does it', () => {
    expect(formOf('call-site')).toEqual({ form: 'contact', start: { contact: 'site' } })
    expect(formOf('send-guard').form).toBe('guard')
    expect(formOf('call-fire-or-rescue').start['ground']).toBe('fire-or-rescue')
  })
  it('says every word in both languages, and not the same by mistake', () => {
    expect(Object.keys(frWords.field)).toEqual(Object.keys(enWords.field))
    expect(frWords.choice.choice.guard).not.toBe(enWords.choice.choice.guard)
  })
})

describe('connections', () => {
  const site = (s: Partial<Site>): Site => ({ site: 1, name: '', version: 1, ...s })
  it('lists those under way, what is due first on top', () => {
    const rows = onboarding([site({ site: 1, stage: 'in-service' }), site({ site: 2, stage: 'tested', stage_due_ms: 20 }), site({ site: 3, stage: 'installed', stage_due_ms: 10 }), site({ site: 4 }), site({ site: 5, stage: 'requested' })])
    expect(rows.map((s) => s.site)).toEqual([3, 2, 5])
  })
})
