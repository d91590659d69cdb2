sign-in-title = Sign in
sign-in-name = Name
sign-in-password = Password
sign-in-do = Sign in
sign-in-wrong = Name and password do not belong together, or there were too many tries. Wait a moment before the next one.

sign-in-other-name = You opened this page as { $opened }. Passkeys are bound to { $name } and work only when it is opened under that name.
sign-in-passkey = Sign in with a passkey
sign-in-passkey-failed = No passkey was taken. Try again, or sign in another way.
sign-in-organisation = Sign in with { $name }
sign-in-organisation-silent = That organisation does not answer. Try again later, or sign in another way.
sign-in-organisation-refused = The answer does not belong to a sign-in that was begun in this browser, or it took too long. Begin again.
sign-in-organisation-unknown = You are known there, but nobody here has linked that to an account. Ask an administrator for an invitation.
sign-in-code-title = Second factor
sign-in-code-lead = The password is right. Now the code of your app.
sign-in-code = Code
sign-in-code-hint = Six digits; or one of your codes on paper, if the app is lost
sign-in-code-wrong = The code does not fit, was used before, or there were too many tries. Wait for the next one.
sign-in-again = Begin again

welcome-title = Make your account
welcome-lead = This link is good for one account. Choose how you sign in; a passkey can be added afterwards.
welcome-shown = Your name, as others read it
welcome-name-hint = Lower-case letters without blanks, for example hanako
welcome-password-hint = At least 12 characters. Several words are best.
welcome-do = Make the account
welcome-used = This link was used, or it has expired. Ask for a new one.
welcome-name-wrong = The name to sign in with has no blanks and at most 64 characters; the name others read is not empty.
welcome-name-taken = This name is taken.

welcome-again = Sign in again
welcome-again-lead = This link lets the owner of the account { $name } in again. The new password replaces the old one; a second factor is removed, and everybody who is signed in as { $name } is signed out.
welcome-again-do = Set the password and sign in

password-short = The password is shorter than 12 characters.
password-long = The password is longer than 256 characters.
password-guessable = The password is known from breaches or is easily guessed. Several unrelated words are better.
