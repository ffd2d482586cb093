// What the API sends, as docs of /api/v1/openapi.json name it.

import type { IncidentForm } from './forms'

export type Mode = 'unknown' | 'disarmed' | 'armed-full' | 'armed-part' | 'armed-inhibited'
export type PathStatus = 'never-heard' | 'ok' | 'late' | 'lost'
export type Closure = 'none' | 'detected' | 'declared' | 'end-to-confirm'
export type EventClass =
  | 'hold-up' | 'duress' | 'fire' | 'sprinkler' | 'medical' | 'lone-worker' | 'gas' | 'tamper' | 'jamming'
  | 'substitution' | 'intrusion' | 'intrusion-confirmed' | 'technical-critical' | 'technical-comfort' | 'mains'
  | 'battery' | 'communication' | 'zone-fault' | 'test' | 'information' | 'not-configured' | 'opening-closing'
export type DetectionKind =
  | 'path-late' | 'path-lost' | 'communication-lost' | 'alarm-storm' | 'closed-around-the-clock'
  | 'unknown-account' | 'answer-late' | 'answer-missed' | 'binding-refused'
  | 'late-to-close' | 'late-to-open' | 'early-opening' | 'opening-outside-hours' | 'opening-at-closed-site'
  | 'closed-not-protected' | 'closed-without-consigne' | 'consigne-about-to-expire' | 'closed-unreachable' | 'closure-end-due'
  | 'reopening-incomplete' | 'consigne-changed' | 'consignes-conflict' | 'runaway-zone' | 'chattering-zone'
  | 'path-flapping' | 'path-degraded' | 'suspected-sabotage' | 'mains-lost' | 'battery-autonomy'
  | 'interval-not-agreed' | 'confirmed-alarm' | 'police-call-without-ground' | 'claimed-idle' | 'protection-not-restored'
  | 'left-on-test' | 'frequent-tests' | 'test-at-closed-or-high-risk' | 'test-incomplete' | 'test-missed'
  | 'guard-late' | 'onboarding-stuck' | 'commissioning-incomplete'
  | 'mass-communication-loss' | 'mass-mains-loss' | 'group-alarm-storm' | 'closure-wave' | 'onboarding-surge'
  | 'call-surge' | 'alarm-flood' | 'overload' | 'under-staffed-shift' | 'staff-needed'
  | 'receivers-silent' | 'receiver-lost' | 'ingress-blind'
export type Stage = 'requested' | 'scheduled' | 'installed' | 'tested' | 'in-service' | 'suspended' | 'resigned'
export type IncidentStatus = 'open' | 'claimed' | 'verified' | 'parked' | 'closed'
export type ActName = 'claim' | 'release' | IncidentForm
export type Means = 'call-with-code-word' | 'video' | 'listening-in' | 'guard-on-site'
export type Result = 'negative' | 'positive' | 'inconclusive' | 'impossible'
export type Outcome =
  | 'burglary' | 'attempt' | 'hold-up' | 'fire' | 'user-error' | 'technical-fault' | 'works-or-visit'
  | 'animal-or-weather' | 'unannounced-test' | 'power-cut' | 'undetermined' | 'on-test'

export interface Site {
  site: number
  name: string
  version: number
  changed_at_ms?: number
  label?: string
  class?: string
  account?: string
  undeclared?: boolean
  areas?: { area?: string; mode: Mode; since_ms?: number }[]
  open_zones?: { zone: string; area?: string; class: EventClass; since_ms: number; alarms: number }[]
  paths?: { path: number; name?: string; status: PathStatus; last_heard_ms?: number; interval_ms?: number }[]
  communication_lost?: boolean
  closure?: Closure
  closed_since_ms?: number
  storm?: boolean
  degraded?: boolean
  open_incidents?: string[]
  region?: string
  removed?: boolean
  stage?: Stage
  groups?: string[]
  declared_closure?: { closure: string; from_ms?: number; until_ms?: number }
  consignes?: Consigne[]
  visits?: { visit: string; by?: string; user_code?: string; areas?: string[]; from_ms: number; until_ms: number }[]
  reopening?: { reopening: string; from_ms: number; until_ms: number }
  test?: { since_ms: number; until_ms: number; zones?: string[]; unseen?: string[] }
  stage_since_ms?: number
  stage_due_ms?: number
  commissioning?: { seen: string[]; missing: string[] }
}

export interface Consigne {
  consigne: string
  scope: string
  permanent?: boolean
  from_ms: number
  until_ms?: number
  steps?: { kind: string; life_safety?: boolean }[]
  has_text?: boolean
}

/** A customer's call as of its last step. */
export interface Call {
  call: string
  step: 'offered' | 'answered' | 'abandoned' | 'transferred' | 'ended'
  offered_at_ms: number
  answered_at_ms?: number
  answered_by?: string
  ended_at_ms?: number
  transferred_to?: string
  site?: number
  incident?: string
  within_ms?: number
  share_percent?: number
  at_ms: number
}

/** How far an act on many sites is. */
export interface SitesActed {
  id: string
  sites: number
  durable: number
  accepted: number
  refused: number
  refusals?: { site: number; reason: string }[]
  completed: boolean
}

/** What a site sent lately. */
export interface Sent {
  from_ms: number
  more?: boolean
  transmissions: Transmission[]
  polls: { path: number; count: number; first_at_ms: number; last_at_ms: number; median_interval_ms?: number }[]
}

export interface Transmission {
  received_at_ms: number
  transport: string
  path?: number
  encrypted?: boolean
  raw?: string
  explanation?: { fr: string; en: string }
  events?: { id: string; kind: string; meaning?: { fr: string; en: string }; zone?: string; suspicion?: string; outcome?: string }[]
  rejected?: { reason: string }
}

export interface Detection {
  id: string
  site: number
  kind: DetectionKind
  status: 'opened' | 'updated' | 'closed'
  at_ms: number
  opened_at_ms: number
  closed_at_ms?: number
  close_reason?: string
  path?: number
  zone?: string
  evidence_count?: number
  explanation: { fr: string; en: string }
}

export interface Incident {
  id: string
  site: number
  version: number
  class_group: string
  class: EventClass
  status: IncidentStatus
  priority: number
  changed_at_ms: number
  opened_at_ms: number
  claimed_at_ms?: number
  verified_at_ms?: number
  closed_at_ms?: number
  restored_at_ms?: number
  claimed_by?: string
  verification_means?: Means
  verification_result?: Result
  outcome?: Outcome
  alarms: number
  re_alerts?: number
  storm?: boolean
  at_risk_at_ms?: number
  missed_at_ms?: number
  zone?: string
  area?: string
  acts?: { at_ms: number; by: string; act: string }[]
  removed?: boolean
  consigne?: string
  consigne_changed?: boolean
  steps?: { kind: string; life_safety?: boolean }[]
  on_test?: boolean
  late_arrival?: boolean
  call_site_hidden?: boolean
}

export interface Pipeline {
  at_ms: number
  events_per_second: number
  heartbeats_per_second: number
  lag_records: number
  lag_ms: number
  watermark_age_ms: number
  live: boolean
  latency_p50_ms?: number
  latency_p99_ms?: number
  sites: number
  open_detections: number
  open_incidents: number
  policy_version?: number
}

export interface ClassPolicy {
  class: string
  supervision_interval_ms?: number
  supervision_grace_ms?: number
  storm_alarms?: number
  storm_window_ms?: number
  closure_armed_for_ms?: number
  closure_missed_openings?: number
}

export interface Policy {
  version: number
  classes: ClassPolicy[]
}

export interface Problem {
  type: string
  title: string
  status: number
  detail?: string
  holder?: string
}

export interface ActOutcome {
  id: string
  status: 'accepted' | 'refused' | 'pending'
  reason?: string
  holder?: string
}
