import { count, type Lang } from '../lib/format'
import type { Cell, FieldConfig, Mapping, MappingResult } from './model'
import { say } from './words'

/** A value as it is shown. */
export interface Shown {
  text: string
  /** Grafana's name of the colour that a mapping or a threshold gives; undefined for none. */
  color: string | undefined
  /** Whether a mapping gave the text. */
  mapped: boolean
}

const locale = (lang: Lang) => (lang === 'fr' ? 'fr-FR' : 'en-GB')

export function display(value: Cell, config: FieldConfig, lang: Lang): Shown {
  const hit = mapping(value, config.mappings ?? [])
  const color = hit?.color ?? threshold(value, config)
  if (hit?.text !== undefined) return { text: say(hit.text, lang), color, mapped: true }
  if (value === null) return { text: say(config.noValue ?? '', lang), color: undefined, mapped: false }
  return { text: format(value, config, lang), color, mapped: false }
}

function mapping(value: Cell, all: Mapping[]): MappingResult | undefined {
  for (const m of all) {
    const o = m.options
    if (m.type === 'value' && String(value) in m.options) return m.options[String(value)]
    if (m.type === 'special' && special(value, m.options.match)) return m.options.result
    if (m.type === 'range' && typeof value === 'number') {
      const { from, to, result } = o as Extract<Mapping, { type: 'range' }>['options']
      if (value >= (from ?? -Infinity) && value <= (to ?? Infinity)) return result
    }
    if (m.type === 'regex' && new RegExp(m.options.pattern).test(String(value))) return m.options.result
  }
  return undefined
}

function special(value: Cell, match: string): boolean {
  if (match === 'null' || match === 'nan' || match === 'null+nan') return value === null
  if (match === 'empty') return value === ''
  return String(value) === match
}

/** The colour of the last step that the value has reached; none for the first one, which is calm. */
function threshold(value: Cell, config: FieldConfig): string | undefined {
  if (typeof value !== 'number') return undefined
  const reached = (config.thresholds?.steps ?? []).filter((s) => s.value === null || value >= s.value).at(-1)
  return reached && reached.color !== 'text' ? reached.color : undefined
}

export function format(value: Exclude<Cell, null>, config: FieldConfig, lang: Lang): string {
  if (typeof value === 'string') return value
  if (typeof value === 'boolean') return say(value ? 'Yes' : 'No', lang)
  const digits = config.decimals ?? 0
  const number = (v: number, options: Intl.NumberFormatOptions = {}) => new Intl.NumberFormat(locale(lang), { maximumFractionDigits: digits, minimumFractionDigits: digits, ...options }).format(v)
  const unit = config.unit ?? 'none'
  switch (unit) {
    case 'none':
      return value.toFixed(Number.isInteger(value) ? 0 : digits)
    case 'locale':
      return number(value)
    case 'short':
      return new Intl.NumberFormat(locale(lang), { notation: 'compact', maximumFractionDigits: Math.max(digits, Math.abs(value) >= 1000 ? 1 : 0) }).format(value)
    case 'percentunit':
      return number(value, { style: 'percent' })
    case 'percent':
      return number(value / 100, { style: 'percent' })
    case 'ms':
      return duration(value, lang)
    case 's':
      return duration(value * 1000, lang)
    case 'dateTimeAsIso':
      return iso(value)
  }
  const [kind, words] = [unit.slice(0, 7), unit.slice(7)]
  if (kind === 'suffix:') return `${number(value)}${words}`
  if (kind === 'prefix:') return `${words}${number(value)}`
  return count(value, lang)
}

/** How long, in its two greatest units: 240 ms, 42 s, 12 min 5 s, 3 h 20, 12 d 4 h. */
export function duration(ms: number, lang: Lang): string {
  const s = Math.floor(ms / 1000)
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (s < 60) return `${s} s`
  if (s < 3600) return s % 60 && s < 600 ? `${Math.floor(s / 60)} min ${s % 60} s` : `${Math.floor(s / 60)} min`
  if (s < 86_400) return `${Math.floor(s / 3600)} h ${String(Math.floor((s % 3600) / 60)).padStart(2, '0')}`
  const day = lang === 'fr' ? 'j' : 'd'
  const hours = Math.floor((s % 86_400) / 3600)
  return `${count(Math.floor(s / 86_400), lang)} ${day}${hours ? ` ${hours} h` : ''}`
}

/** Local date and time, as Grafana's dateTimeAsIso. */
export function iso(ms: number): string {
  const two = (n: number) => String(n).padStart(2, '0')
  const d = new Date(ms)
  return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())} ${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`
}
