sign-in-title = サインイン
sign-in-name = ユーザー名
sign-in-password = パスワード
sign-in-do = サインイン
sign-in-wrong = ユーザー名とパスワードが一致しないか、試行回数が多すぎます。しばらく待ってからお試しください。

welcome-title = アカウントの作成
welcome-lead = このリンクで作成できるアカウントは 1 つだけです。サインインの方法を決めてください。パスキーは後から追加できます。
welcome-shown = 表示名
welcome-name-hint = 空白を含まない英小文字（例: hanako）
welcome-password-hint = 12 文字以上。複数の単語の組み合わせをお勧めします。
welcome-do = アカウントを作成
welcome-used = このリンクは使用済みか、期限が切れています。新しいリンクを依頼してください。
welcome-name-wrong = ユーザー名は空白を含まない 64 文字以内で、表示名は空にできません。
welcome-name-taken = このユーザー名は使われています。

password-short = パスワードは 12 文字以上にしてください。
password-long = パスワードは 256 文字以内にしてください。
password-guessable = 流出が知られているか、推測されやすいパスワードです。無関係な単語をいくつか組み合わせてください。
