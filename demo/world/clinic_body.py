"""Conditions of heart, lungs, metabolism, gut and kidneys."""

from __future__ import annotations

from demo.world.conditions import condition_read

BODY = (
    condition_read(
        "angina",
        """cardiology

        chest tightness = this tight feeling across my chest; a kind of squeezing in my chest; my chest going tight
        chest pain = this pain in my chest; an ache behind my breastbone

        bisoprolol: 1.25 mg, 2.5 mg, 5 mg, 10 mg / once daily, every morning
        isosorbide: 10 mg, 20 mg, 40 mg / twice daily, three times daily
        ranolazine: 375 mg, 500 mg, 750 mg / twice daily

        breathlessness; leg swelling; fainting; palpitations; arm pain; sweating; dizziness

        ECG; blood tests; exercise test; chest X-ray

        It comes on when I carry the shopping.; The stairs set it off, mostly.; If I stop and sit down it eases.""",
    ),
    condition_read(
        "palpitations",
        """cardiology

        palpitations = my heart fluttering; this thumping in my chest; my heart racing for no reason
        an irregular pulse = my pulse being all over the place; my heart skipping beats

        propranolol: 10 mg, 40 mg, 80 mg / once daily, twice daily
        digoxin: 62.5 micrograms, 125 micrograms, 250 micrograms / once daily, every morning
        apixaban: 2.5 mg, 5 mg / twice daily

        chest pain; breathlessness; fainting; sweating; weight loss; tremor; dizziness

        ECG; heart monitor; blood tests; echocardiogram

        It goes off when I am lying in bed.; I notice it most in the evening.; Coffee makes it worse, I think.""",
    ),
    condition_read(
        "heart failure",
        """cardiology

        leg swelling = my ankles swelling up; my legs filling with water; shoes that no longer fit by teatime
        breathlessness = getting puffed on the flat; not getting my breath on the stairs

        furosemide: 20 mg, 40 mg, 80 mg / once daily, every morning
        spironolactone: 12.5 mg, 25 mg, 50 mg / once daily, every morning
        ramipril: 1.25 mg, 2.5 mg, 5 mg, 10 mg / once daily, at night

        chest pain; palpitations; cough; fainting; weight gain; dizziness; tiredness

        echocardiogram; blood tests; fluid chart; chest X-ray

        I sleep on three pillows these days.; By the evening it is a good deal worse.;
        I had to stop halfway up the hill.""",
    ),
    condition_read(
        "hypertension",
        """general practice

        raised blood pressure = my blood pressure being up; high readings on the machine at home
        headache = a thumping head in the mornings; this dull headache

        amlodipine: 5 mg, 10 mg / once daily, every morning
        losartan: 25 mg, 50 mg, 100 mg / once daily, at night
        indapamide: 1.5 mg, 2.5 mg / every morning, once daily

        chest pain; blurred vision; nosebleeds; leg swelling; dizziness; palpitations

        home readings; blood tests; kidney function; less salt

        I bought one of those cuffs at the chemist.; The nurse was not happy with the number.;
        Work has been stressful, that may be it.""",
    ),
    condition_read(
        "asthma",
        """respiratory

        wheeze = my chest whistling; being wheezy again; this wheezing
        cough at night = a cough that wakes me at night; coughing half the night
        chest tightness = my chest feeling like a drum; not getting a full breath in

        salbutamol: 100 micrograms, 200 micrograms / as needed, four times daily
        beclometasone: 50 micrograms, 100 micrograms, 200 micrograms / twice daily
        montelukast: 4 mg, 5 mg, 10 mg / at night
        prednisolone: 20 mg, 30 mg, 40 mg / every morning, once daily

        fever; chest pain; coughing blood; weight loss; sore throat; night sweats

        peak flow diary; inhaler check; asthma plan; lung function test

        The cold air brings it on.; It was the cat, I am sure of it.; I can hear it when I lie down.""",
    ),
    condition_read(
        "chest infection",
        """respiratory

        productive cough = coughing up green stuff; a chesty cough; bringing up phlegm
        fever and cough = burning up and coughing; a temperature and this cough

        amoxicillin: 250 mg, 500 mg / three times daily
        doxycycline: 100 mg, 200 mg / once daily
        clarithromycin: 250 mg, 500 mg / twice daily

        chest pain; coughing blood; breathlessness; vomiting; night sweats; confusion; weight loss

        chest X-ray; sputum sample; rest and fluids; blood tests

        Everyone at work has had it.; It keeps my whole house awake.; I have gone through four boxes of tissues.""",
    ),
    condition_read(
        "COPD",
        """respiratory

        worsening breathlessness = my breathing getting worse; running out of puff sooner than I did
        morning cough = a cough every morning; coughing until noon

        tiotropium: 10 micrograms, 18 micrograms / once daily, every morning
        carbocisteine: 375 mg, 750 mg / three times daily, twice daily
        salmeterol: 25 micrograms, 50 micrograms / twice daily

        fever; coughing blood; chest pain; weight loss; leg swelling; night sweats

        lung function test; stop smoking clinic; inhaler check; flu vaccine

        I used to walk to the pier and back.; The damp does not help.; I am down to a few cigarettes, honestly.""",
    ),
    condition_read(
        "diabetes",
        """diabetes

        increased thirst = being thirsty all the time; drinking like a fish
        high sugar readings = my sugars running high; the meter giving me silly numbers
        tiredness = feeling wiped out; no energy for anything

        metformin: 500 mg, 850 mg, 1 g / once daily, twice daily, three times daily
        gliclazide: 40 mg, 80 mg, 160 mg / once daily, twice daily
        sitagliptin: 25 mg, 50 mg, 100 mg / once daily
        empagliflozin: 10 mg, 25 mg / every morning, once daily

        blurred vision; weight loss; numb feet; foot ulcers; low sugars; vomiting; chest pain

        HbA1c; foot check; eye screening; dietician referral

        I know, I know, the biscuits.; I am up to the bathroom at all hours.; My meter was a present from my son.""",
    ),
    condition_read(
        "thyroid",
        """general practice

        weight gain = putting on weight; my clothes getting tight though I eat no more
        feeling cold = being cold all the time; wearing a coat indoors
        hair thinning = my hair coming out; losing hair in the shower

        levothyroxine: 25 micrograms, 50 micrograms, 75 micrograms, 100 micrograms / every morning, once daily

        palpitations; constipation; low mood; tremor; neck swelling; muscle cramps; dry skin

        thyroid function; blood tests; repeat bloods; neck examination

        My sister has the same thing.; I could sleep all day.; My husband says I am turning the heating up too high.""",
    ),
    condition_read(
        "reflux",
        """gastroenterology

        heartburn = this burning behind my ribs; acid coming up; heartburn after meals
        upper abdominal pain = a gnawing pain up here; a pain under the ribs after eating

        omeprazole: 10 mg, 20 mg, 40 mg / once daily, every morning, twice daily
        lansoprazole: 15 mg, 30 mg / once daily, every morning
        famotidine: 20 mg, 40 mg / at night, twice daily

        weight loss; trouble swallowing; vomiting; black stools; chest pain; bloating

        stool test; endoscopy; smaller meals; blood tests

        It is worst when I lie flat.; Curry is out of the question now.; I have been living on toast.""",
    ),
    condition_read(
        "irritable bowel",
        """gastroenterology

        cramping abdominal pain = cramps low down in my tummy; this griping in my belly
        bloating = blowing up like a balloon; a swollen tummy by evening
        loose stools = running to the loo; having the runs

        mebeverine: 135 mg, 200 mg / three times daily, twice daily
        loperamide: 2 mg, 4 mg / as needed
        peppermint oil: 0.2 ml, 0.4 ml / three times daily

        weight loss; blood in the stool; fever; vomiting; night pain; loss of appetite

        food diary; stool test; blood tests; dietician referral

        It settles a bit once I have been.; Onions are the worst.; It always flares before a deadline.""",
    ),
    condition_read(
        "urinary infection",
        """general practice

        burning on passing urine = it burning when I pee; a sting every time I go
        frequent urination = going to the toilet every half hour; always needing a wee

        nitrofurantoin: 50 mg, 100 mg / twice daily, four times daily
        trimethoprim: 100 mg, 200 mg / twice daily
        cefalexin: 250 mg, 500 mg / twice daily, three times daily

        fever; back pain; blood in the urine; vomiting; shivering; loin pain

        urine culture; urine dip; plenty of fluids; kidney scan

        I have been drinking cranberry juice by the gallon.; I hardly dare leave the house.;
        I get one of these every winter.""",
    ),
    condition_read(
        "gout",
        """rheumatology

        painful big toe = my big toe on fire; a toe so sore the sheet hurts it
        swollen ankle = an ankle like a balloon; this hot swollen ankle

        allopurinol: 100 mg, 200 mg, 300 mg / once daily
        colchicine: 500 micrograms, 1 mg / twice daily, three times daily
        naproxen: 250 mg, 500 mg / twice daily

        fever; injury; rash; numbness; back pain; shivering

        uric acid level; blood tests; less beer; joint aspiration

        I cannot bear a sock on it.; I blame the wedding and the wine.; My dad was a martyr to it.""",
    ),
)
