people-nobody = なし
