// @vitest-environment jsdom
import * as data from '@grafana/data'
import * as runtime from '@grafana/runtime'
import * as ui from '@grafana/ui'
import { cleanup, configure, fireEvent, render, screen, waitFor } from '@testing-library/react'
import { existsSync, readFileSync } from 'node:fs'
import React from 'react'
import { afterEach, describe, expect, it } from 'vitest'
import type { VigieDataSource } from '../datasource'
import type { NamedQuery, VigieQuery } from '../types'
import { ConfigEditor } from './ConfigEditor'
import { QueryEditor } from './QueryEditor'

const list: NamedQuery[] = [{
  name: 'incidents_waiting', doc: 'Who waits, the oldest first.', timeSeries: false, columns: [],
  params: [{ name: 'to', unit: 'time', doc: '', panel: true, optional: false }, { name: 'limit', unit: 'count', doc: 'how many', panel: false, optional: false }],
}]

configure({ asyncUtilTimeout: 30_000 })
afterEach(cleanup)

function editor(query: VigieQuery, namedQueries: () => Promise<NamedQuery[]>) {
  const changed: VigieQuery[] = []
  let runs = 0
  render(<QueryEditor datasource={{ namedQueries } as VigieDataSource} query={query} onChange={(q) => changed.push(q)} onRunQuery={() => runs++} />)
  return { changed, runs: () => runs }
}

describe('the query editor', () => {
  it('explains the query and asks for what the panel does not know', async () => {
    const e = editor({ refId: 'A', query: 'incidents_waiting' }, async () => list)
    await screen.findByText('Who waits, the oldest first.')
    expect(screen.queryByLabelText('to')).toBeNull()
    expect(screen.getByText('A value is needed.')).toBeTruthy()
    const limit = document.getElementById('vigie-limit-A') as HTMLInputElement
    fireEvent.change(limit, { target: { value: '5' } })
    fireEvent.blur(limit)
    expect(e.changed).toEqual([{ refId: 'A', query: 'incidents_waiting', params: { limit: '5' } }])
    expect(e.runs()).toBe(1)
  })
  it('changes to live states of one site', async () => {
    const e = editor({ refId: 'A', queryType: 'sites' }, async () => list)
    const site = document.getElementById('vigie-site-A') as HTMLInputElement
    fireEvent.change(site, { target: { value: 'S-42' } })
    fireEvent.blur(site)
    await waitFor(() => expect(e.changed.at(-1)).toEqual({ refId: 'A', queryType: 'sites', site: 42 }))
    fireEvent.click(screen.getByLabelText('Named query'))
    expect(e.changed.at(-1)).toEqual({ refId: 'A', queryType: 'named', query: 'queue_now', params: {} })
  })
  it('says why there is no list', async () => {
    editor({ refId: 'A', query: 'queue_now' }, () => Promise.reject(new Error('the data source has no address of ClickHouse')))
    expect(await screen.findByText('the data source has no address of ClickHouse')).toBeTruthy()
  })
})

describe('the settings', () => {
  it('are kept where the backend reads them, secrets apart', () => {
    const changed: unknown[] = []
    const options = { url: '', user: '', jsonData: { database: 'vigie' }, secureJsonFields: { consoleToken: true }, secureJsonData: {} }
    render(<ConfigEditor options={options as never} onOptionsChange={(o) => changed.push(o)} />)
    const type = (id: string, value: string) => fireEvent.change(document.getElementById(id) as HTMLInputElement, { target: { value } })
    type('vigie-url', ' http://clickhouse:8123 ')
    type('vigie-password', 'secret')
    type('vigie-console', 'http://console:8080')
    type('vigie-timeout', '60')
    expect(changed).toEqual([
      { ...options, url: 'http://clickhouse:8123' },
      { ...options, secureJsonData: { password: 'secret' } },
      { ...options, jsonData: { database: 'vigie', consoleUrl: 'http://console:8080' } },
      { ...options, jsonData: { database: 'vigie', timeoutSeconds: 60 } },
    ])
    expect((document.getElementById('vigie-token') as HTMLInputElement).disabled).toBe(true)
  })
})

describe('the module as it was built', () => {
  const built = 'dist/module.js'
  it('gives Grafana the data source, from what Grafana shares', async () => {
    expect(existsSync(built), 'dist/module.js is not built: run `make plugin`').toBe(true)
    const shared: Record<string, unknown> = { react: React, '@grafana/data': data, '@grafana/runtime': runtime, '@grafana/ui': ui }
    let module: { plugin?: data.DataSourcePlugin<VigieDataSource, VigieQuery> } = {}
    const define = (names: string[], factory: (...parts: unknown[]) => typeof module) => {
      expect(names.filter((n) => !(n in shared))).toEqual([])
      module = factory(...names.map((n) => shared[n]))
    }
    new Function('define', readFileSync(built, 'utf8'))(define)
    expect(module.plugin).toBeInstanceOf(data.DataSourcePlugin)
    expect(Object.keys(module.plugin?.components ?? {})).toEqual(expect.arrayContaining(['QueryEditor', 'ConfigEditor']))
    const source = new module.plugin!.DataSourceClass({ id: 1, uid: 'vigie', name: 'Vigie', type: 'openvigie-vigie-datasource', jsonData: {} } as never)
    expect(source.filterQuery?.({ refId: 'A' })).toBe(false)
    expect(source.getQueryDisplayText?.({ refId: 'A', queryType: 'sites', site: 4 })).toBe('live states of site 4')
    expect(source.streamOptionsProvider).toBeTruthy()
  })
})
