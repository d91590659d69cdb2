sign-in-title = サインイン
sign-in-name = ユーザー名
sign-in-password = パスワード
sign-in-do = サインイン
sign-in-wrong = ユーザー名とパスワードが一致しないか、試行回数が多すぎます。しばらく待ってからお試しください。

sign-in-other-name = このページは { $opened } として開かれています。パスキーは { $name } に結び付けられており、その名前で開いた場合にのみ使用できます。
sign-in-passkey = パスキーでサインイン
sign-in-passkey-failed = パスキーを確認できませんでした。もう一度試すか、別の方法でサインインしてください。
sign-in-organisation = { $name } でサインイン
sign-in-organisation-silent = 認証先から応答がありません。時間をおいて試すか、別の方法でサインインしてください。
sign-in-organisation-refused = このブラウザーで開始したサインインへの応答ではないか、時間がかかりすぎました。最初からやり直してください。
sign-in-organisation-unknown = 認証は確認できましたが、ここのアカウントに関連付けられていません。管理者に招待を依頼してください。
sign-in-code-title = 二要素認証
sign-in-code-lead = パスワードを確認しました。続けてアプリのコードを入力してください。
sign-in-code = コード
sign-in-code-hint = 6 桁の数字。アプリを使えない場合はリカバリーコード
sign-in-code-wrong = コードが一致しないか、使用済みか、試行回数が多すぎます。次のコードが表示されるまでお待ちください。
sign-in-again = 最初からやり直す

welcome-title = アカウントの作成
welcome-lead = このリンクで作成できるアカウントは 1 つだけです。サインインの方法を決めてください。パスキーは後から追加できます。
welcome-shown = 表示名
welcome-name-hint = 空白を含まない英小文字（例: hanako）
welcome-password-hint = 12 文字以上。複数の単語の組み合わせをお勧めします。
welcome-do = アカウントを作成
welcome-used = このリンクは使用済みか、期限が切れています。新しいリンクを依頼してください。
welcome-name-wrong = ユーザー名は空白を含まない 64 文字以内で、表示名は空にできません。
welcome-name-taken = このユーザー名は使われています。

welcome-again = アカウントの再開
welcome-again-lead = このリンクで、アカウント { $name } の所有者が改めてサインインできます。新しいパスワードに置き換わり、二要素認証は解除され、{ $name } のサインイン中のセッションはすべて終了します。
welcome-again-do = パスワードを設定してサインイン

password-short = パスワードは 12 文字以上にしてください。
password-long = パスワードは 256 文字以内にしてください。
password-guessable = 流出が知られているか、推測されやすいパスワードです。無関係な単語をいくつか組み合わせてください。
