import { DataSourcePlugin } from '@grafana/data'
import { ConfigEditor } from './components/ConfigEditor'
import { QueryEditor } from './components/QueryEditor'
import { VigieDataSource } from './datasource'
import type { VigieOptions, VigieQuery, VigieSecrets } from './types'

export const plugin = new DataSourcePlugin<VigieDataSource, VigieQuery, VigieOptions, VigieSecrets>(VigieDataSource)
  .setConfigEditor(ConfigEditor)
  .setQueryEditor(QueryEditor)
