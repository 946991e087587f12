import { Anchor, Button, Stack, Switch, Table } from '@mantine/core'
import { IconPlus } from '@tabler/icons-react'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { Link } from 'react-router'
import { useMachineName } from '../../api/fleet'
import { useMay } from '../../api/people'
import { useRules, useSaveRule } from '../../api/rules'
import type { Rule } from '../../api/types'
import { SeverityBadge } from '../../components/badges'
import { ConfirmDialog } from '../../components/ConfirmDialog'
import { Empty, Failed, Loaded } from '../../components/Loaded'
import { PageHead } from '../../components/PageHead'
import { useNotify } from '../../components/trouble'
import { switched } from './form'
import { useRuleWords } from './words'
import { Said } from '../../components/Said'

export function RulesPage() {
  const { t } = useTranslation('rules')
  const { t: common } = useTranslation()
  const may = useMay()
  const rules = useRules()
  const isThere = !rules.isPending && (rules.items.length > 0 || !rules.error)
  return (
    <>
      <PageHead
        title={t('title')}
        actions={
          <>
            {may('telemetry.read') && (
              <Button variant="default" component={Link} to="/rules/backtests">
                {t('backtests')}
              </Button>
            )}
            {may('rules.write') && (
              <Button component={Link} to="/rules/new" leftSection={<IconPlus size={16} />}>
                {t('new')}
              </Button>
            )}
          </>
        }
      />
      {isThere && rules.error ? <Failed error={rules.error} onRetry={rules.refetch} /> : null}
      <Loaded query={{ ...rules, data: isThere ? rules.items : undefined }}>
        {(items) => (items.length === 0 ? <Empty>{t('none')}</Empty> : <RuleTable rules={items} />)}
      </Loaded>
      {rules.hasMore && (
        <Button mt="sm" variant="default" loading={rules.isLoadingMore} onClick={rules.loadMore}>
          {common('list.more')}
        </Button>
      )}
    </>
  )
}

function RuleTable({ rules }: { rules: readonly Rule[] }) {
  const { t } = useTranslation('rules')
  const [asked, setAsked] = useState<Rule>()
  const columns = ['name', 'condition', 'whose', 'severity', 'enabled', 'version'] as const
  return (
    <>
      <Table.ScrollContainer minWidth={860} scrollAreaProps={{ viewportProps: { tabIndex: 0 } }}>
        <Table verticalSpacing="xs">
          <Table.Thead>
            <Table.Tr>
              {columns.map((column) => (
                <Table.Th key={column}>{t(`column.${column}`)}</Table.Th>
              ))}
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {rules.map((rule) => (
              <RuleRow key={rule.id} rule={rule} onSwitch={() => setAsked(rule)} />
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
      {asked && <SwitchDialog key={asked.id} rule={asked} onClose={() => setAsked(undefined)} />}
    </>
  )
}

function RuleRow({ rule, onSwitch }: { rule: Rule; onSwitch: () => void }) {
  const { t } = useTranslation('rules')
  const may = useMay()
  const words = useRuleWords()
  const mayWrite = may('rules.write')
  return (
    <Table.Tr>
      <Table.Td>
        <Anchor component={Link} inherit to={`/rules/${rule.id}`}>
          <Said>{rule.name}</Said>
        </Anchor>
      </Table.Td>
      <Table.Td>{words.condition(rule.condition)}</Table.Td>
      <Table.Td>
        <Whose rule={rule} />
      </Table.Td>
      <Table.Td>
        <SeverityBadge severity={rule.severity} />
      </Table.Td>
      <Table.Td>
        <Switch
          checked={rule.enabled}
          onChange={onSwitch}
          disabled={!mayWrite}
          label={rule.enabled ? t('on') : t('off')}
          aria-label={t('switch', { name: rule.name })}
          title={mayWrite ? undefined : t('mayNot')}
        />
      </Table.Td>
      <Table.Td>{rule.version}</Table.Td>
    </Table.Tr>
  )
}

function Whose({ rule }: { rule: Rule }) {
  const { t } = useTranslation('rules')
  const name = useMachineName(rule.machine_id)
  if (!rule.machine_id) return <>{t('allOfModel', { model: rule.model })}</>
  return (
    <Anchor component={Link} inherit to={`/machines/${rule.machine_id}`}>
      {name ?? t('oneMachine')}
    </Anchor>
  )
}

function SwitchDialog({ rule, onClose }: { rule: Rule; onClose: () => void }) {
  const { t } = useTranslation('rules')
  const save = useSaveRule()
  const notify = useNotify()
  const enabled = !rule.enabled
  const change = () =>
    save.mutate(
      { rule, body: switched(rule, enabled), key: '' },
      {
        onSuccess: () =>
          notify.done(t(enabled ? 'switchedOn' : 'switchedOff', { name: rule.name })),
        onError: notify.failed,
        onSettled: onClose,
      },
    )
  return (
    <ConfirmDialog
      opened
      onClose={onClose}
      title={t(enabled ? 'switchOn' : 'switchOff', { name: rule.name })}
      confirm={t(enabled ? 'switchOnDo' : 'switchOffDo')}
      dangerous={!enabled}
      busy={save.isPending}
      onConfirm={change}
    >
      <Stack>{t(enabled ? 'switchOnEffect' : 'switchOffEffect')}</Stack>
    </ConfirmDialog>
  )
}
