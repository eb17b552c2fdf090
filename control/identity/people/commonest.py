"""What the commonest passwords are made of, in lower case: words, names, rows of keys and of numbers.

Short as the list is, with the rules of ``weak`` it catches what is longer and made of them: the commonest passwords of
twelve characters and more are mostly these with something before or after. Letters alone; digits that stand for letters
are read as such.
"""

_LISTED = """
password passwort passwd passw0rd passphrase motdepasse contrasena contraseña wachtwoord senha haslo parola pass
letmein welcome willkommen bienvenue login logon signin signon secret default changeme change temporary temp
admin administrator root user username guest test tester testing demo example sample hello computer internet
qwerty qwertz azerty qwertyuiop qwertzuiop azertyuiop asdfghjkl asdfgh asdf zxcvbnm yxcvbnm zxcvbn qazwsx wsxedc
qazwsxedc edcrfv zaqxsw onetwothree abc abcd abcdef abcdefgh alphabet
iloveyou ilove loveyou love lovely lover forever friends family mother father sister brother daughter
baby angel princess prince king queen master dragon monkey tiger lion eagle falcon bear wolf horse dog cat
sunshine shadow summer winter spring autumn monday tuesday wednesday thursday friday saturday sunday
january february march april june july august september october november december
football baseball basketball soccer hockey golf tennis superman batman spiderman pokemon starwars matrix
liverpool chelsea arsenal barcelona juventus manchester yankees cowboys steelers
michael jennifer jordan daniel thomas robert charlie andrew joshua jessica ashley michelle nicole anthony
matthew william richard george hunter maggie buster ginger pepper cookie chocolate cheese banana orange apple
flower butterfly rainbow diamond silver golden purple yellow freedom trustno trust whatever killer mustang
ferrari porsche mercedes corvette harley yamaha nothing something access ninja samsung google facebook
linkedin microsoft windows apple iphone android company corporate office work server network security secure
correcthorsebatterystaple thequickbrownfox loremipsum supercalifragilistic
"""
WORDS = frozenset(_LISTED.split())
