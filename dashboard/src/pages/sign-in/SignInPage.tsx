import {
  Alert,
  Box,
  Button,
  Center,
  Group,
  Paper,
  PasswordInput,
  Stack,
  TextInput,
  Title,
} from '@mantine/core'
import { useForm } from '@mantine/form'
import { useEffect, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useLocation, useNavigate } from 'react-router'
import { ProblemError } from '../../api/problem'
import { signIn } from '../../api/session'
import { LanguageSwitch } from '../../components/LanguageSwitch'
import { LookSwitch } from '../../components/LookSwitch'
import { OutageNotice } from '../../components/OutageNotice'
import { useTroubleText } from '../../components/trouble'

/** Only a page of this dashboard: two slashes would be another host. */
function here(from: string | undefined): string {
  return from && /^\/(?![/\\])/.test(from) ? from : '/'
}

export function SignInPage() {
  const { t } = useTranslation()
  const navigate = useNavigate()
  const { state } = useLocation() as { state: { from?: string } | null }
  const troubleText = useTroubleText()
  const [problem, setProblem] = useState<string>()
  const [busy, setBusy] = useState(false)
  useEffect(() => {
    document.title = `${t('signIn.title')} · ${t('app')}`
  }, [t])
  const required = (value: string) => (value ? null : t('signIn.required'))
  const form = useForm({
    initialValues: { email: '', password: '' },
    validate: { email: required, password: required },
  })

  const submit = form.onSubmit(async ({ email, password }) => {
    setBusy(true)
    setProblem(undefined)
    try {
      await signIn(email.trim(), password)
      await navigate(here(state?.from), { replace: true })
    } catch (error) {
      const status = error instanceof ProblemError ? error.status : undefined
      if (status === 401 || status === 422) setProblem(t('signIn.wrong'))
      else if (status === 429) {
        const seconds = (error as ProblemError).retryAfterS ?? 60
        setProblem(t('signIn.tooMany', { seconds }))
      } else setProblem(troubleText(error))
      form.setFieldValue('password', '')
    } finally {
      setBusy(false)
    }
  })

  return (
    <Center mih="100vh" p="md" component="main">
      <Paper withBorder p="xl" w={380} maw="100%">
        <Box component="form" onSubmit={submit} noValidate>
          <Stack>
            <Group justify="space-between">
              <Group gap="xs">
                <img src="/icon.svg" alt="" width={28} height={28} />
                <Title order={1} size="h3">
                  {t('app')}
                </Title>
              </Group>
              <Group gap={4}>
                <LanguageSwitch />
                <LookSwitch />
              </Group>
            </Group>
            <OutageNotice />
            <div aria-live="assertive">
              {problem && (
                <Alert color="red" variant="outline">
                  {problem}
                </Alert>
              )}
            </div>
            <TextInput
              label={t('signIn.email')}
              type="email"
              autoComplete="username"
              autoFocus
              {...form.getInputProps('email')}
            />
            <PasswordInput
              label={t('signIn.password')}
              autoComplete="current-password"
              {...form.getInputProps('password')}
            />
            <Button type="submit" loading={busy}>
              {t('signIn.submit')}
            </Button>
          </Stack>
        </Box>
      </Paper>
    </Center>
  )
}
