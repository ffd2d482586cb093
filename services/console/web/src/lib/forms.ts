// What each act asks for, as the desk's own tables say (services/desk/*_forms.go).

export const choices = {
  means: ['call-with-code-word', 'video', 'listening-in', 'guard-on-site'],
  result: ['negative', 'positive', 'inconclusive', 'impossible'],
  outcome: [
    'user-error', 'technical-fault', 'works-or-visit', 'animal-or-weather', 'unannounced-test', 'power-cut', 'burglary', 'attempt', 'hold-up', 'fire',
    'undetermined', 'on-test',
  ],
  call_result: ['reached', 'no-answer', 'unreachable'],
  passcode: ['ok', 'wrong', 'duress'],
  guard_step: ['requested', 'accepted', 'refused', 'arrived', 'left'],
  ground: ['property-verified', 'persons', 'fire-or-rescue', 'missing'],
  installer_result: ['rung', 'answered', 'refused', 'unreachable'],
  choice: ['guard', 'wait', 'refuse', 'isolate-zone', 'come'],
  authenticated_how: ['passcode', 'call-back', 'portal', 'letter', 'in-person'],
  channel: ['phone', 'email', 'sms', 'portal', 'letter'],
  stage: ['requested', 'scheduled', 'installed', 'tested', 'in-service', 'suspended', 'resigned'],
  step: ['call-site', 'call-contact', 'video', 'listen-in', 'send-guard', 'call-police', 'call-fire-or-rescue', 'call-installer', 'wait', 'other'],
  to: ['guard', 'installer', 'police', 'customer-service'],
} as const
export type ChoiceName = keyof typeof choices
export type Choice<N extends ChoiceName> = (typeof choices)[N][number]

/** How a field is filled in: one of a list, words, numbers, a list of words, a day and hour, a span from the start, a tick, steps in order. */
export type Kind = 'choice' | 'text' | 'number' | 'list' | 'date' | 'span' | 'tick' | 'steps'

export interface Field {
  name: FieldName
  kind: Kind
  choice?: ChoiceName
  required?: boolean
  /** What stands in it at first. */
  start?: string
  /** Of a span, ms. */
  spans?: number[]
  max?: number
}

const MIN = 60_000
const HOUR = 60 * MIN
const DAY = 24 * HOUR

const pick = (name: FieldName & ChoiceName, required = true, start?: string): Field => ({ name, kind: 'choice', choice: name, required, ...(start ? { start } : {}) })
const text = (name: FieldName, required = false, start?: string, max = 64): Field => ({ name, kind: 'text', required, max, ...(start ? { start } : {}) })
const span = (name: FieldName, spans: number[], required = true): Field => ({ name, kind: 'span', spans, required, start: String(spans[0]) })
const date = (name: FieldName, required = false): Field => ({ name, kind: 'date', required })
const who: Field[] = [text('by', true, 'contact-1'), pick('authenticated_how', true, 'passcode')]

export const incidentForms = {
  verify: [pick('means'), pick('result')],
  contact: [text('contact', true, 'contact-1'), pick('call_result', true, 'reached'), pick('passcode', false)],
  'customer-decision': [text('contact', true, 'contact-1'), pick('authenticated_how', true, 'passcode'), pick('choice'), text('analysis', false, undefined, 2000)],
  guard: [text('firm', true, 'ronde'), pick('guard_step', true, 'requested')],
  police: [pick('ground', false), text('element', false, undefined, 2000), { name: 'arrived', kind: 'tick' }],
  installer: [text('installer', true), pick('installer_result', true, 'rung')],
  'consigne-applied': [text('consigne', true), { name: 'not_applicable', kind: 'tick' }, text('reason', false, undefined, 2000)],
  park: [span('wake_up_at_ms', [10 * MIN, 20 * MIN, 30 * MIN, 2 * HOUR, 8 * HOUR, 24 * HOUR]), text('reason', false, undefined, 2000)],
  'hand-over': [text('to_user', true)],
  'report-sent': [pick('channel', true, 'email')],
  close: [pick('outcome'), text('reason', false, undefined, 2000), text('restore_owner')],
  note: [text('note', true, undefined, 2000)],
} satisfies Record<string, Field[]>
export type IncidentForm = keyof typeof incidentForms

export const siteForms = {
  'consigne-set': [...who, { name: 'steps', kind: 'steps' }, text('text', false, undefined, 2000), span('until_ms', [7 * DAY, 30 * DAY, 90 * DAY])],
  'closure-declare': [...who, date('from_ms'), date('until_ms')],
  'closure-lift': [...who],
  'visit-announce': [...who, text('user_code', false, undefined, 16), text('person', false, undefined, 200), date('from_ms'), span('until_ms', [HOUR, 2 * HOUR, 4 * HOUR])],
  'reopening-plan': [...who, date('from_ms'), span('until_ms', [2 * HOUR, 4 * HOUR, 12 * HOUR, DAY])],
  'reopening-withdraw': [...who],
  'test-on': [...who, { name: 'zones', kind: 'list' }, { name: 'classes', kind: 'list' }, span('until_ms', [2 * HOUR, HOUR, 4 * HOUR, 8 * HOUR])],
  stage: [pick('stage'), date('planned_at_ms')],
  'contacts-set': [{ name: 'on_site', kind: 'number' }, { name: 'elsewhere', kind: 'number' }, text('contacts', false, undefined, 4000)],
} satisfies Record<string, Field[]>
export type SiteForm = keyof typeof siteForms
export type SiteAct = SiteForm | 'consigne-withdraw' | 'test-off'

export type FieldName =
  | 'means' | 'result' | 'outcome' | 'reason' | 'note' | 'contact' | 'call_result' | 'passcode' | 'authenticated_how' | 'choice' | 'analysis' | 'firm'
  | 'guard_step' | 'ground' | 'element' | 'arrived' | 'installer' | 'installer_result' | 'consigne' | 'not_applicable' | 'wake_up_at_ms' | 'to_user'
  | 'channel' | 'restore_owner' | 'by' | 'steps' | 'text' | 'until_ms' | 'from_ms' | 'user_code' | 'person' | 'zones' | 'classes' | 'stage'
  | 'planned_at_ms' | 'on_site' | 'elsewhere' | 'contacts' | 'to' | 'satisfaction' | 'place' | 'brigade' | 'desk'

/** What was filled in, as the desk wants it: empty fields are left out, spans count from the start, or from now. */
export function values(fields: readonly Field[], filled: Record<string, string>, now: number): Record<string, unknown> {
  const out: Record<string, unknown> = {}
  const moment = (s: string) => new Date(s).getTime()
  const from = filled['from_ms'] ? moment(filled['from_ms']) : now
  for (const f of fields) {
    const v = (filled[f.name] ?? '').trim()
    if (!v) continue
    if (f.kind === 'list') out[f.name] = v.split(/[\s,;]+/).filter(Boolean)
    else if (f.kind === 'steps') out[f.name] = v.split(' ').map((kind) => ({ kind }))
    else if (f.kind === 'date') out[f.name] = moment(v)
    else if (f.kind === 'span') out[f.name] = from + Number(v)
    else if (f.kind === 'number') out[f.name] = Number(v)
    else if (f.kind === 'tick') out[f.name] = v === 'yes'
    else out[f.name] = v
  }
  return out
}

/** The form that does what a step of a consigne asks for, and what it starts with. */
export function formOf(step: Choice<'step'>): { form: IncidentForm; start: Record<string, string> } {
  switch (step) {
    case 'call-site':
      return { form: 'contact', start: { contact: 'site' } }
    case 'call-contact':
      return { form: 'contact', start: {} }
    case 'video':
      return { form: 'verify', start: { means: 'video' } }
    case 'listen-in':
      return { form: 'verify', start: { means: 'listening-in' } }
    case 'send-guard':
      return { form: 'guard', start: {} }
    case 'call-police':
      return { form: 'police', start: {} }
    case 'call-fire-or-rescue':
      return { form: 'police', start: { ground: 'fire-or-rescue' } }
    case 'call-installer':
      return { form: 'installer', start: {} }
    case 'wait':
      return { form: 'park', start: {} }
    default:
      return { form: 'note', start: {} }
  }
}
