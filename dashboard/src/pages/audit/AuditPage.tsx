import { Button, Stack } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { useSearchParams } from 'react-router'
import { type AuditFilter, useAudit, useMay, useMe } from '../../api/people'
import { Empty, Failed, Loaded } from '../../components/Loaded'
import { NotAllowed } from '../../components/NotAllowed'
import { PageHead } from '../../components/PageHead'
import { AuditFilters } from './AuditFilters'
import { AuditTable } from './AuditTable'
import { type AuditView, filterOf, NOTHING_ASKED, queryOf, viewOf } from './filter'

export function AuditPage() {
  const { t } = useTranslation('audit')
  const may = useMay()
  const me = useMe()
  return (
    <>
      <PageHead title={t('title')} />
      <Loaded query={me}>{() => (may('audit.read') ? <Log /> : <NotAllowed />)}</Loaded>
    </>
  )
}

function Log() {
  const { t } = useTranslation('audit')
  const { t: common } = useTranslation()
  const [query, setQuery] = useSearchParams()
  const view = viewOf(query)
  const change = (part: Partial<AuditView>) =>
    setQuery((before) => queryOf({ ...viewOf(before), ...part }), { replace: true })
  const filter = filterOf(view)
  const log = useAudit(filter as AuditFilter)
  const isNarrowed = Object.keys(filter).length > 0
  const isThere = !log.isPending && (log.items.length > 0 || !log.error)
  return (
    <Stack gap="sm">
      <AuditFilters view={view} onChange={change} />
      {isThere && log.error ? <Failed error={log.error} onRetry={log.refetch} /> : null}
      <Loaded query={{ ...log, data: isThere ? log.items : undefined }} height={400}>
        {(items) =>
          items.length === 0 ? (
            <Empty>{isNarrowed ? t('noHit') : t('none')}</Empty>
          ) : (
            <AuditTable items={items} onSubject={(subject) => change({ subject })} />
          )
        }
      </Loaded>
      <div>
        {log.hasMore && (
          <Button variant="default" loading={log.isLoadingMore} onClick={log.loadMore}>
            {common('list.more')}
          </Button>
        )}
        {isNarrowed && !log.hasMore && (
          <Button variant="default" onClick={() => change(NOTHING_ASKED)}>
            {t('clear')}
          </Button>
        )}
      </div>
    </Stack>
  )
}
