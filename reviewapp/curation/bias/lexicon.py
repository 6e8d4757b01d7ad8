"""Words that tell, or change, whom a text is about. Lists of our own, short enough to be read and argued about."""

from __future__ import annotations


def words(text: str) -> frozenset[str]:
    """The words of a list that is written as a sentence."""
    return frozenset(text.split())


# (male, female): each becomes the other in a counterfactual copy; "his", "her" and "him" need their neighbours.
PAIRS: tuple[tuple[str, str], ...] = (
    ("he", "she"), ("himself", "herself"), ("man", "woman"), ("men", "women"), ("male", "female"),
    ("males", "females"), ("boy", "girl"), ("boys", "girls"), ("gentleman", "lady"), ("gentlemen", "ladies"),
    ("father", "mother"), ("fathers", "mothers"), ("dad", "mom"), ("dads", "moms"), ("daddy", "mommy"),
    ("grandfather", "grandmother"), ("grandfathers", "grandmothers"), ("grandpa", "grandma"), ("granddad", "granny"),
    ("grandson", "granddaughter"), ("grandsons", "granddaughters"), ("son", "daughter"), ("sons", "daughters"),
    ("brother", "sister"), ("brothers", "sisters"), ("husband", "wife"), ("husbands", "wives"), ("uncle", "aunt"),
    ("uncles", "aunts"), ("nephew", "niece"), ("nephews", "nieces"), ("boyfriend", "girlfriend"),
    ("boyfriends", "girlfriends"), ("widower", "widow"), ("stepfather", "stepmother"), ("stepson", "stepdaughter"),
    ("stepbrother", "stepsister"), ("godfather", "godmother"), ("groom", "bride"), ("fatherhood", "motherhood"),
    ("fiancé", "fiancée"), ("sir", "madam"), ("lad", "lass"), ("househusband", "housewife"), ("actor", "actress"),
    ("waiter", "waitress"), ("salesman", "saleswoman"), ("businessman", "businesswoman"), ("chairman", "chairwoman"),
    ("policeman", "policewoman"), ("landlord", "landlady"), ("schoolboy", "schoolgirl"), ("monsieur", "madame"),
)  # fmt: skip
# Words with a counterpart in one direction only.
ONE_WAY: dict[str, str] = {
    "mum": "dad", "mums": "dads", "mummy": "daddy", "mama": "papa", "papa": "mama", "guy": "woman", "bloke": "woman",
    "chap": "woman", "gal": "guy", "ma'am": "sir", "nan": "granddad", "nana": "grandpa", "him": "her", "hers": "his",
}  # fmt: skip
TITLES: dict[str, str] = {"mr": "Ms", "mister": "Ms", "mrs": "Mr", "ms": "Mr", "miss": "Mr"}

MALE_KIN = words(
    "husband father dad daddy papa brother son uncle nephew boyfriend grandfather grandpa granddad grandson fiancé"
    " stepfather stepson stepbrother widower godfather ex-husband"
)
FEMALE_KIN = words(
    "wife mother mom mum mommy mummy mama sister daughter aunt niece girlfriend grandmother grandma granny nan nana"
    " granddaughter fiancée stepmother stepdaughter stepsister widow godmother ex-wife"
)
NEUTRAL_KIN = words(
    "partner spouse parent parents child children sibling siblings cousin twin baby friend carer neighbour neighbor"
    " colleague boss roommate grandchild grandchildren grandparent"
)
OTHERS = words("doctor physician nurse surgeon consultant paramedic midwife therapist driver teacher lawyer colleague")
MALE_PRONOUNS = frozenset({"he", "him", "his", "himself"})
FEMALE_PRONOUNS = frozenset({"she", "her", "hers", "herself"})

# By origin, so that a swap changes the gender of a name and nothing else. Names that are also words are left out.
_NAMES = words(
    "James/Mary John/Linda Robert/Patricia Michael/Jennifer William/Elizabeth David/Barbara Richard/Susan"
    " Joseph/Jessica Thomas/Sarah Charles/Karen Christopher/Nancy Daniel/Lisa Matthew/Margaret Anthony/Betty"
    " Donald/Sandra Steven/Ashley Andrew/Emily Paul/Donna Joshua/Michelle Kenneth/Carol Kevin/Amanda Brian/Melissa"
    " George/Deborah Timothy/Stephanie Ronald/Rebecca Jason/Laura Edward/Helen Jeffrey/Sharon Ryan/Cynthia"
    " Jacob/Kathleen Gary/Amy Nicholas/Angela Eric/Shirley Jonathan/Anna Stephen/Brenda Larry/Pamela Justin/Emma"
    " Scott/Nicole Brandon/Samantha Benjamin/Katherine Samuel/Christine Gregory/Debra Patrick/Rachel"
    " Alexander/Catherine Jack/Carolyn Dennis/Janet Tyler/Maria Aaron/Diane Adam/Julie Henry/Olivia Nathan/Joyce"
    " Douglas/Victoria Peter/Ruth Walter/Evelyn Arthur/Joan Howard/Judith Leon/Denise Curtis/Hannah Stuart/Gwen"
    " Marcus/Chloe Declan/Erin Nils/Ingrid Pavel/Petra Ivan/Olga Victor/Tamara Joel/Sylvia Jose/Carmen Luis/Rosa"
    " Miguel/Dolores Rafael/Ximena Carlos/Guadalupe Juan/Juana Jorge/Lucia Pedro/Teresa Ahmed/Fatima Omar/Aisha"
    " Bashir/Nadia Hassan/Farida Ali/Zainab Mohammed/Khadija Ibrahim/Maryam Yusuf/Layla Kwame/Amara"
    " Emmanuel/Beatrice Kofi/Abena Chidi/Ngozi Tunde/Folake Tyrone/Yolanda Jerome/Lucille Jamal/Lakisha"
    " DeShawn/Latoya Darnell/Keisha Sanjay/Priya Raj/Anjali Arjun/Deepa Vikram/Sunita Ravi/Lakshmi Hiroshi/Keiko"
    " Kenji/Yuki Wei/Mei Jun/Ling Minh/Linh Giovanni/Giulia Marco/Francesca Hans/Greta Jürgen/Ursula Pierre/Claire"
    " Jean-Luc/Marie Dmitri/Svetlana Sergei/Natasha"
)
NAMES: tuple[tuple[str, str], ...] = tuple(sorted((pair.split("/")[0], pair.split("/")[1]) for pair in _NAMES))

ETHNICITIES: dict[str, tuple[str, ...]] = {
    "Black": (
        "black", "african american", "african-american", "afro-caribbean", "african caribbean", "african", "nigerian",
        "somali", "ghanaian", "jamaican",
    ),
    "White": ("white", "caucasian", "european"),
    "Hispanic": ("hispanic", "latino", "latina", "latinx", "mexican", "mexican american", "puerto rican"),
    "Asian": (
        "asian", "asian american", "south asian", "east asian", "chinese", "indian", "pakistani", "bangladeshi",
        "japanese", "korean", "vietnamese", "filipino", "filipina",
    ),
    "Middle Eastern": ("middle eastern", "middle-eastern", "arab", "turkish", "iranian", "syrian", "kurdish"),
    "Indigenous": (
        "native american", "american indian", "aboriginal", "first nations", "maori", "māori", "inuit",
        "alaska native", "pacific islander",
    ),
    "Roma or Traveller": ("roma", "romani", "irish traveller", "gypsy"),
}  # fmt: skip
# What takes the place of an ethnicity term in a copy.
ETHNICITY_SAID: dict[str, str] = {
    "Black": "Black", "White": "White", "Hispanic": "Hispanic", "Asian": "Asian", "Middle Eastern": "Middle Eastern",
    "Indigenous": "Indigenous", "Roma or Traveller": "Roma",
}  # fmt: skip

# A text with one of these is never swapped between the sexes ("*": any ending): it would say what cannot be, or
# what is so rare that a reader would take it for an error.
SEX_BOUND: tuple[str, ...] = (
    "pregnan*", "gravida", "primigravida", "multigravida", "nulliparous", "multiparous", "parity", "obstetric*",
    "antenatal", "prenatal", "postnatal", "perinatal", "postpartum", "post-partum", "trimester", "gestation*",
    "miscarr*", "stillb*", "abortion*", "ectopic", "contracept*", "the pill", "birth control", "menstru*", "menses",
    "periods", "period pain", "period pains", "her period", "my period", "last period", "lmp", "dysmenorrh*",
    "amenorrh*", "menorrhag*", "menopaus*", "perimenopaus*", "postmenopaus*", "menarche", "hot flush*", "hot flash*",
    "hysterectomy", "uter*", "womb", "fibroid*", "cervical smear", "smear test", "pap smear", "pap test",
    "cervical screening", "cervical cancer", "cervix", "ovar*", "oophor*", "vagin*", "vulv*", "labia*", "clitor*",
    "endometri*", "breastfe*", "breast-fe*", "lactat*", "mastitis", "mastectom*", "mammogra*", "breast cancer",
    "breast lump", "brca*", "pcos", "polycystic ov*", "hrt", "hormone replacement", "gynaecolog*", "gynecolog*",
    "pre-eclampsia", "preeclampsia", "eclampsia", "ivf", "fetus", "foetus", "fetal", "foetal", "amnio*", "placent*",
    "midwi*", "caesarean*", "cesarean*", "c-section*", "in labour", "in labor", "gave birth", "giving birth",
    "childbirth", "tubal ligation", "iud", "mirena", "tamoxifen", "prostat*", "psa", "bph", "testic*", "testes",
    "testis", "orchi*", "epididym*", "penis", "penile", "erectile", "impotence", "scrot*", "vasectom*", "foreskin",
    "circumcis*", "phimosis", "balanitis", "hydrocele", "varicocele", "hypospadias", "sildenafil", "tadalafil",
    "viagra", "cialis", "finasteride", "tamsulosin", "poor urine flow", "semen", "sperm*", "ejaculat*",
    "gynaecomasti*", "gynecomasti*", "testosterone", "male pattern", "female pattern", "turner syndrome",
    "turner's syndrome", "klinefelter*", "haemophilia*", "hemophilia*", "duchenne*", "transgender", "trans man",
    "trans woman", "trans men", "trans women", "nonbinary", "non-binary", "intersex", "sex reassignment",
    "gender dysphoria", "nun", "priest", "monk", "bearded", "maternal", "paternal",
)  # fmt: skip
# A text with one of these keeps its age: the rest of it depends on how old the person is.
AGE_BOUND: tuple[str, ...] = (
    "retire*", "pension*", "school*", "kindergarten", "nursery", "college", "university", "teen*", "adolescen*",
    "toddler", "infant*", "baby", "newborn*", "neonat*", "child*", "paediatric*", "pediatric*", "puberty", "geriatric*",
    "elderly", "care home", "nursing home", "menopaus*", "pregnan*", "menarche", "grandchild*", "grandmother",
    "grandfather", "grandson*", "granddaughter*", "great-grand*", "dementia", "alzheimer*", "milestones",
    "vaccination schedule", "centile", "percentile", "parents", "date of birth", "dob", "born in", "years ago",
    "since the age", "at the age", "at age", "anniversary", "veteran", "driving licence", "driver's license",
)  # fmt: skip
# A text with one of these keeps its ethnicity.
ETHNICITY_BOUND: tuple[str, ...] = (
    "sickle cell", "thalassaemia", "thalassemia", "tay-sachs", "g6pd", "glucose-6-phosphate", "keloid*",
    "cystic fibros*",
    "vitiligo", "skin type", "fitzpatrick", "melanin", "immigra*", "refugee*", "born in", "moved from", "interpreter",
    "translator", "racis*", "race-adjusted", "hla-b*", "beh*et*", "familial mediterranean fever",
)  # fmt: skip

STOP = words(
    "a about above after again against all also always am an and any are as at be because been before being below"
    " between both but by came can cannot come comes could day days did do does doing done down during each either else"
    " even ever every few first for from further gave get gets give given go goes going gone got had has have having"
    " here him his hers how however i if in into is it its itself just kept last less let like made make many may me"
    " might month months more most much must my myself never next no nor not now of off often on once one only or other"
    " our ours out over own per quite rather really right said same saw say says see seen several shall should since"
    " so some still such take taken takes taking than that the their theirs them then there these they thing things"
    " think this those though through time times to today told too took two three four five six seven under until"
    " up upon us use used using very want was way week weeks well went were what when where whether which while who"
    " whom whose why will with within without would year years yes yet you your yours yourself old new patient"
    " patients mentioned reports reported states stated noted known"
)
