import React, { type ChangeEvent } from 'react'
import type { DataSourcePluginOptionsEditorProps } from '@grafana/data'
import { Field, FieldSet, Input, SecretInput } from '@grafana/ui'
import type { VigieOptions, VigieSecrets } from '../types'

type Props = DataSourcePluginOptionsEditorProps<VigieOptions, VigieSecrets>

const WIDTH = 50

/** Where ClickHouse and the console are. */
export function ConfigEditor({ options, onOptionsChange }: Props) {
  const { jsonData, secureJsonData, secureJsonFields } = options
  const own = (name: 'url' | 'user') => (e: ChangeEvent<HTMLInputElement>) => onOptionsChange({ ...options, [name]: e.target.value.trim() })
  const json = (more: VigieOptions) => onOptionsChange({ ...options, jsonData: { ...jsonData, ...more } })
  const secret = (name: keyof VigieSecrets) => ({
    isConfigured: Boolean(secureJsonFields?.[name]),
    value: secureJsonData?.[name] ?? '',
    onChange: (e: ChangeEvent<HTMLInputElement>) => onOptionsChange({ ...options, secureJsonData: { ...secureJsonData, [name]: e.target.value } }),
    onReset: () => onOptionsChange({ ...options, secureJsonFields: { ...secureJsonFields, [name]: false }, secureJsonData: { ...secureJsonData, [name]: '' } }),
  })
  return (
    <>
      <FieldSet label="ClickHouse">
        <Field label="Address" description="Of the HTTP interface, as Grafana's server reaches it." required>
          <Input id="vigie-url" width={WIDTH} value={options.url} placeholder="http://127.0.0.1:8123" onChange={own('url')} />
        </Field>
        <Field label="User" description="One that may only read.">
          <Input id="vigie-user" width={WIDTH} value={options.user} autoComplete="off" onChange={own('user')} />
        </Field>
        <Field label="Password">
          <SecretInput id="vigie-password" width={WIDTH} autoComplete="new-password" {...secret('password')} />
        </Field>
        <Field label="Database">
          <Input id="vigie-database" width={WIDTH} value={jsonData.database ?? ''} placeholder="vigie" onChange={(e) => json({ database: e.currentTarget.value.trim() })} />
        </Field>
        <Field label="Timeout" description="Seconds that a query may take, 1 to 300.">
          <Input id="vigie-timeout" width={WIDTH} type="number" min={1} max={300} value={jsonData.timeoutSeconds ?? ''} placeholder="30"
            onChange={(e) => json({ timeoutSeconds: e.currentTarget.value === '' ? undefined : Number(e.currentTarget.value) })} />
        </Field>
      </FieldSet>
      <FieldSet label="Vigie's console, for the live states of sites">
        <Field label="Address" description="As Grafana's server reaches it. Empty: no live states.">
          <Input id="vigie-console" width={WIDTH} value={jsonData.consoleUrl ?? ''} placeholder="http://127.0.0.1:8080" onChange={(e) => json({ consoleUrl: e.currentTarget.value.trim() })} />
        </Field>
        <Field label="Token" description="The console's http.token (VIGIE_HTTP_TOKEN).">
          <SecretInput id="vigie-token" width={WIDTH} autoComplete="new-password" {...secret('consoleToken')} />
        </Field>
      </FieldSet>
    </>
  )
}
