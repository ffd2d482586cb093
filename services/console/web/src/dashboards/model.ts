// The part of Grafana's classic dashboard JSON that Vigie's dashboards use.

export interface Step {
  value: number | null
  color: string
}

export interface MappingResult {
  text?: string
  color?: string
}

export type Mapping =
  | { type: 'value'; options: Record<string, MappingResult> }
  | { type: 'range'; options: { from: number | null; to: number | null; result: MappingResult } }
  | { type: 'special'; options: { match: 'true' | 'false' | 'null' | 'nan' | 'null+nan' | 'empty'; result: MappingResult } }
  | { type: 'regex'; options: { pattern: string; result: MappingResult } }

export interface Link {
  title: string
  url?: string
  keepTime?: boolean
}

export interface Custom {
  drawStyle?: 'line' | 'bars' | 'points'
  fillOpacity?: number
  lineWidth?: number
  lineInterpolation?: string
  stacking?: { mode: string }
  hidden?: boolean
  width?: number
  cellOptions?: { type: string }
}

export interface FieldConfig {
  displayName?: string
  unit?: string
  decimals?: number
  min?: number
  max?: number
  mappings?: Mapping[]
  thresholds?: { mode: string; steps: Step[] }
  color?: { mode: string; fixedColor?: string }
  links?: Link[]
  noValue?: string
  custom?: Custom
}

export interface Override {
  matcher: { id: string; options?: string }
  properties: { id: string; value?: unknown }[]
}

export interface Target {
  refId: string
  queryType: string
  query: string
  params: Record<string, string>
  format: 'table' | 'timeseries'
  value?: string[]
  label?: string[]
}

export interface Transformation {
  id: string
  options: { type?: string; match?: string; filters?: { fieldName: string; config: { id: string; options: { value: unknown } } }[] }
}

export interface Panel {
  id: number
  type: string
  title: string
  description?: string
  gridPos: { x: number; y: number; w: number; h: number }
  targets?: Target[]
  maxDataPoints?: number
  transformations?: Transformation[]
  options: {
    colorMode?: string
    reduceOptions?: { calcs: string[]; fields?: string; values?: boolean }
    content?: string
  }
  fieldConfig: { defaults: FieldConfig; overrides: Override[] }
}

export interface Dashboard {
  uid: string
  title: string
  description?: string
  time: { from: string; to: string }
  refresh?: string
  links?: Link[]
  panels: Panel[]
}

/** What the console answers to a named query. */
export interface Answer {
  columns: { name: string; unit?: string; kind: 'time' | 'number' | 'integer' | 'string' | 'bool'; values: Cell[] }[]
}

export type Cell = number | string | boolean | null

/** A named query as GET /api/v1/queries lists it. */
export interface QueryInfo {
  name: string
  params: { name: string }[]
}
