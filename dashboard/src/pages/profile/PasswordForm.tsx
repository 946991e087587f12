import { Alert, Button, Group, PasswordInput, Stack, Text } from '@mantine/core'
import { useForm } from '@mantine/form'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useChangePassword } from '../../api/people'
import { ProblemError } from '../../api/problem'
import { useNotify, useTroubleText } from '../../components/trouble'
import { objectionsTo, PASSWORD_BYTES, type PasswordChange } from './password'

/** `email`: tells password managers whose it is. */
export function PasswordForm({ email }: { email: string }) {
  const { t } = useTranslation('profile')
  const notify = useNotify()
  const troubleText = useTroubleText()
  const change = useChangePassword()
  const [problem, setProblem] = useState<string>()
  const form = useForm<PasswordChange>({
    initialValues: { current: '', next: '', again: '' },
    validate: (values) => {
      const objections = Object.entries(objectionsTo(values))
      return Object.fromEntries(
        objections.map(([field, what]) => [field, t(`password.${what}`, PASSWORD_BYTES)]),
      )
    },
  })
  const submit = form.onSubmit(async ({ current, next }) => {
    setProblem(undefined)
    try {
      await change.mutateAsync({ current_password: current, new_password: next })
      form.reset()
      notify.done(t('password.done'))
    } catch (error) {
      const fields = error instanceof ProblemError ? error.fields : {}
      const { current_password, new_password } = fields
      // The only thing that the platform says of the current one.
      form.setErrors({ current: current_password && t('password.wrong'), next: new_password })
      if (!current_password && !new_password) setProblem(troubleText(error))
    }
  })
  const field = (name: keyof PasswordChange, autoComplete: string) => (
    <PasswordInput
      label={t(`password.${name}`)}
      autoComplete={autoComplete}
      required
      visibilityToggleButtonProps={{ 'aria-label': t('password.show'), tabIndex: 0 }}
      {...form.getInputProps(name)}
    />
  )
  return (
    <form onSubmit={submit} noValidate>
      <Stack>
        <Text size="sm">{t('password.hint', PASSWORD_BYTES)}</Text>
        <input type="email" autoComplete="username" value={email} readOnly hidden />
        <div aria-live="assertive">
          {problem && (
            <Alert color="red" variant="outline">
              {problem}
            </Alert>
          )}
        </div>
        {field('current', 'current-password')}
        {field('next', 'new-password')}
        {field('again', 'new-password')}
        <Group justify="flex-end">
          <Button type="submit" loading={change.isPending}>
            {t('password.change')}
          </Button>
        </Group>
      </Stack>
    </form>
  )
}
