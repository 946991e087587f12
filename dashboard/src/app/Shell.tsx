import { AppShell, Burger, Group, Text } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { useEffect, useRef } from 'react'
import { useTranslation } from 'react-i18next'
import { Link, Outlet, useLocation } from 'react-router'
import { OutageNotice } from '../components/OutageNotice'
import { ContactBanner } from './ContactBanner'
import { Navigation } from './Navigation'
import { UserMenu } from './UserMenu'
import classes from './Shell.module.css'

/** What stands around every page. */
export function Shell() {
  const { t } = useTranslation()
  const [opened, { close, toggle }] = useDisclosure(false)
  const { pathname } = useLocation()
  const main = useRef<HTMLElement>(null)
  const first = useRef(true)
  useEffect(() => {
    close()
    // Whoever reads with their ears begins at the new page, not at the link.
    if (!first.current) main.current?.focus({ preventScroll: true })
    first.current = false
    window.scrollTo(0, 0)
  }, [pathname, close])
  return (
    <AppShell
      header={{ height: 52 }}
      navbar={{ width: 216, breakpoint: 'sm', collapsed: { mobile: !opened } }}
      padding="md"
    >
      <a className={classes.skip} href="#content">
        {t('skip')}
      </a>
      <AppShell.Header px="md">
        <Group h="100%" justify="space-between" wrap="nowrap">
          <Group gap="sm" wrap="nowrap">
            <Burger
              opened={opened}
              onClick={toggle}
              hiddenFrom="sm"
              size="sm"
              aria-label={t('nav.menu')}
              aria-expanded={opened}
            />
            <Link to="/" className={classes.brand}>
              <img src="/icon.svg" alt="" width={24} height={24} />
              <Text component="span" fw={700}>
                {t('app')}
              </Text>
            </Link>
          </Group>
          <UserMenu />
        </Group>
      </AppShell.Header>
      <AppShell.Navbar p="xs" className={classes.navbar} data-opened={opened || undefined}>
        <Navigation />
      </AppShell.Navbar>
      <AppShell.Main id="content" ref={main} tabIndex={-1} className={classes.main}>
        <OutageNotice mb="md" />
        <ContactBanner />
        <Outlet />
      </AppShell.Main>
    </AppShell>
  )
}
