import { useTranslation } from 'react-i18next'
import { Link } from 'react-router'
import { useMay } from '../../api/people'
import type { Machine } from '../../api/types'
import { TAB_NEEDS, TABS, type Tab } from './tabs'
import classes from './machine.module.css'

/** Links to the page's parts. */
export function MachineTabs({ machine, tab }: { machine: Machine; tab: Tab }) {
  const { t } = useTranslation('machine')
  const may = useMay()
  const shown = TABS.filter((each) => {
    const needs = TAB_NEEDS[each]
    return each === tab || !needs || may(needs)
  })
  return (
    <nav aria-label={t('tabs')} className={classes.tabs}>
      {shown.map((each) => (
        <Link
          key={each}
          to={`/machines/${machine.id}${each === 'overview' ? '' : `/${each}`}`}
          className={classes.tab}
          aria-current={each === tab ? 'page' : undefined}
        >
          {t(`tab.${each}`)}
        </Link>
      ))}
    </nav>
  )
}
