account-title = Your account
account-lead = You are { $name }, signed in by: { $how }
account-back = Back to your account
account-copy = Copy
account-saved = Saved.

account-preferences = How you read
account-language = Language
account-as-browser = As the browser asks
account-zone = Time zone
account-zone-browser = As the browser says
account-scheme = Colours
account-as-system = As the system
account-scheme-light = Light
account-scheme-dark = Dark
account-save = Save

account-password = Password
account-password-current = Current password
account-password-new = New password
account-password-hint = At least 12 characters; several words are best. Everybody else who is signed in as you is signed out.
account-password-do = Change the password
account-password-none = You sign in without a password. You can set one as well.
account-password-wrong = That is not your password, or there were too many tries.
account-password-changed = The password was changed; all other sessions were ended.

account-passkeys = Passkeys
account-passkeys-lead = A passkey stays on your device and cannot be typed into the wrong page. It is bound to the name { $name }.
account-passkeys-none = You have none yet.
account-passkey-add = Add a passkey
account-passkey-added = The passkey was added. You can sign in with it from now on.
account-passkey-name = Name of the passkey
account-passkey-name-hint = So that you tell them apart, for example “office laptop”; up to 64 characters
account-passkey-unnamed = Passkey
account-passkey-rename = Rename
account-passkey-remove = Remove
account-passkey-remove-question = Remove the passkey “{ $name }”? It does not sign in here any more.
account-passkey-added-at = Added
account-passkey-used-at = last used
account-passkey-unused = not used yet
account-passkey-failed = The passkey was not added. Try again; if it was added before, it need not be added a second time.
account-passkey-many = You have 20 passkeys. Remove one first.
account-passkey-last = This is the only way you have to sign in. Set a password or add another passkey first.
account-passkey-script = Adding a passkey needs JavaScript: the browser’s own dialogue opens only by script.

account-second = Second factor
account-second-off = Besides the password an app on your phone shows a code that changes every half minute. Passkeys do not need it.
account-second-on = { $count ->
    [one] A code is asked for after the password. { $left } code on paper is left.
   *[other] A code is asked for after the password. { $left } codes on paper are left.
}
account-second-no-password = You sign in without a password, so there is nothing to add to it.
account-second-set-up = Set up
account-second-change = Change
account-second-codes-do = Make new codes on paper
account-second-remove = Remove the second factor
account-second-removed = The second factor was removed.
account-second-title = Set up a second factor
account-second-lead = Only when the code fits is it switched on.
account-second-step-app = Scan the code with an app for one-time codes.
account-second-qr = QR code of the secret, for an app for one-time codes. The same secret stands beside it as text.
account-second-by-hand = Or type this secret into the app:
account-second-kind = By time (TOTP), SHA-1, 6 digits, 30 seconds
account-second-open = Open in the app on this device
account-second-step-code = Type the code that the app shows now.
account-second-do = Switch on
account-second-wrong = The code does not fit. Is the clock of the device right?

account-codes-title = Codes on paper
account-codes-lead = Each of these opens once when the app is lost. They are shown only now: print them or keep them where the password is not.
account-codes-done = I have kept them

account-organisations = Other organisations that sign you in

account-sessions = Where you are signed in
account-session-agent = Device
account-session-address = Address
account-session-how = How
account-session-since = Since
account-session-seen = Last seen
account-session-this = this session
account-session-end = Sign out
account-session-end-others = Sign out everywhere else
account-how-passkey = Passkey
account-how-password = Password
account-how-second = Password and code
account-how-oidc = Other organisation
account-how-link = Invitation
