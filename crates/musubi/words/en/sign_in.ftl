sign-in-title = Sign in
sign-in-name = Name
sign-in-password = Password
sign-in-do = Sign in
sign-in-wrong = Name and password do not belong together, or there were too many tries. Wait a moment before the next one.

welcome-title = Make your account
welcome-lead = This link is good for one account. Choose how you sign in; a passkey can be added afterwards.
welcome-shown = Your name, as others read it
welcome-name-hint = Lower-case letters without blanks, for example hanako
welcome-password-hint = At least 12 characters. Several words are best.
welcome-do = Make the account
welcome-used = This link was used, or it has expired. Ask for a new one.
welcome-name-wrong = The name to sign in with has no blanks and at most 64 characters; the name others read is not empty.
welcome-name-taken = This name is taken.

password-short = The password is shorter than 12 characters.
password-long = The password is longer than 256 characters.
password-guessable = The password is known from breaches or is easily guessed. Several unrelated words are better.
