people-nobody = Nobody
