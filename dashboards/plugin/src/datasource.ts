import type { CoreApp, DataSourceInstanceSettings, ScopedVars } from '@grafana/data'
import { DataSourceWithBackend, getTemplateSrv } from '@grafana/runtime'
import { asks, filled, FIRST } from './query'
import type { NamedQuery, VigieOptions, VigieQuery } from './types'

/** The backend does everything; a query for live states comes back with a channel, which the base class follows. */
export class VigieDataSource extends DataSourceWithBackend<VigieQuery, VigieOptions> {
  constructor(settings: DataSourceInstanceSettings<VigieOptions>) {
    super(settings)
  }

  getDefaultQuery(_: CoreApp): Partial<VigieQuery> {
    return FIRST
  }

  filterQuery(query: VigieQuery): boolean {
    return asks(query)
  }

  applyTemplateVariables(query: VigieQuery, scoped: ScopedVars): VigieQuery {
    return filled(query, scoped, (text, vars) => getTemplateSrv().replace(text, vars))
  }

  getQueryDisplayText(query: VigieQuery): string {
    return query.queryType === 'sites' ? `live states of ${query.site ? `site ${query.site}` : 'sites'}` : (query.query ?? '')
  }

  /** The named queries that the backend knows. */
  namedQueries(): Promise<NamedQuery[]> {
    return this.getResource('queries')
  }
}
