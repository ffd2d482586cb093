import type { DataSourceJsonData } from '@grafana/data'
import type { DataQuery } from '@grafana/schema'

/** A question to the backend; the dashboards' JSON holds the same. */
export interface VigieQuery extends DataQuery {
  /** named: a named query; sites: the live states of sites. Absent is named. */
  queryType?: 'named' | 'sites'
  query?: string
  /** Parameters in their text form; those of the panel (from, to, bucket_ms) are not among them. */
  params?: Record<string, string>
  format?: 'table' | 'timeseries'
  /** Columns of figures and of labels, for time series; absent takes all. */
  value?: string[]
  label?: string[]
  /** For live states: one site; absent is all. */
  site?: number
}

/** What the backend lists at the resource queries. */
export interface NamedQuery {
  name: string
  doc: string
  params: Param[]
  columns: Column[]
  timeSeries: boolean
}

export interface Param {
  name: string
  unit: string
  doc: string
  /** The panel gives it. */
  panel: boolean
  /** It may be left out. */
  optional: boolean
}

export interface Column {
  name: string
  unit: string
  doc: string
}

export interface VigieOptions extends DataSourceJsonData {
  database?: string
  consoleUrl?: string
  timeoutSeconds?: number
}

export interface VigieSecrets {
  password?: string
  consoleToken?: string
}
