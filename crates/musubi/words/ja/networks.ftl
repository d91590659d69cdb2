networks-lead = 貴組織の担当範囲として登録している内容と、連絡先です。
networks-none = 登録はありません。
networks-what = ネットワーク・AS・ドメイン
networks-kind = 種別
networks-said-by = 情報の出どころ
networks-valid = 有効期間
networks-not-now = 現在は無効
networks-contacts = 連絡先
networks-no-contacts = 連絡先の登録はありません。
networks-address = メールアドレス
networks-role = 役割
networks-language = 言語
networks-mail = メール
networks-sealed = 暗号化あり
networks-unsealed = 暗号化なし
networks-claims = 担当範囲の申請
networks-claims-why = ネットワーク、AS、ドメインを申請できます。管理していることが確認できた時点で有効になります。
networks-value = ネットワーク、AS、ドメイン
networks-value-hint = 例: 192.0.2.0/24、AS64496、isp.example
networks-value-wrong = ネットワーク、AS 番号、ドメインのいずれでもありません。
networks-way = 確認方法
networks-claim = 申請する
networks-already = すでに貴組織のものとして登録されています。
networks-too-many = 1 日の申請数の上限に達しました。明日以降にお試しください。
networks-confirmed = 確認済み
networks-expired = 期限切れ
networks-contested = 確認済み（当方の承認待ち）
networks-contested-why = 管理していることを確認しました。当方の承認後に有効になります。お手続きは不要です。
networks-ended = 終了
networks-ended-why = この申請は当方で終了しました。引き続き必要な場合はご連絡ください。
networks-waiting = 確認待ち
networks-code = 確認コード
networks-check = 今すぐ確認
networks-until = 確認の期限:
networks-withdraw = 取り下げる
networks-withdraw-really = { $value } を取り下げますか。確認済みの内容も無効になります。
networks-no-more-tries = 試行回数の上限に達したか、期限が切れています。もう一度申請してください。
networks-not-shown = 確認できませんでした。DNS の変更は反映に時間がかかることがあります。
networks-not-reached = 問い合わせができませんでした。リゾルバーまたはウェブサーバーから正しい応答がありません。
party-claim-network = ネットワーク
party-claim-asn = AS
party-claim-domain = ドメイン
party-claim-country = 国
party-claim-product = 製品
said-by-own = 当方の登録
said-by-claimed = 申請・確認済み
said-by-registry = レジストリ { $name }
said-by-country = 国による割り当て
party-contact-abuse = abuse
party-contact-csirt = CSIRT
party-contact-product-security = 製品セキュリティ
party-contact-technical = 技術
party-contact-administrative = 事務
party-language-en = 英語
party-language-ja = 日本語
proof-dns = DNS レコード
proof-mail = レジストリの連絡先へのメール
proof-file = ウェブサーバー上のファイル
proof-dns-how = 次のレコードをゾーンに追加してから、確認を行ってください。
proof-file-how = 次のアドレスのファイルにこの行を書いてから、確認を行ってください。
proof-mail-how = { $address } に確認コードを送りました。ここに入力してください。
proof-mail-nobody = この範囲全体を含む登録の abuse 連絡先がレジストリに見つからないか、メールを送れませんでした。別の方法を選ぶか、当方へご連絡ください。
proof-dns-boundary = DNS で確認できるのは逆引きゾーン単位（IPv4 は /16 または /24、IPv6 は /28〜/64 の 4 ビット単位）に限られます。
proof-dns-not = AS は DNS では確認できません。
proof-dns-off = このシステムではリゾルバーが設定されていないため、DNS による確認はできません。
proof-mail-off = このシステムではメール送信が設定されていないため、メールによる確認はできません。
proof-mail-not = ドメインはレジストリへのメールでは確認できません。
proof-file-off = このシステムではファイルの取得を行わないため、この方法では確認できません。
proof-file-not = ファイルで確認できるのはドメインだけです。
proof-mail-subject = { $value } の確認コード
proof-mail-text =
    { $party } から、{ $value } を担当しているとの申請がありました。レジストリにはこのアドレスが連絡先として登録されています。正しい場合は、次のコードを申請者に伝えてください。

    { $code }

    心当たりがない場合は何もしないでください。これはインシデントの通知ではありません。

    { $us }
