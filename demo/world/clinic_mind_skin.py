"""Conditions of joints, nerves, mind, skin, ears and everything else."""

from __future__ import annotations

from demo.world.conditions import condition_read

MIND_SKIN = (
    condition_read(
        "back pain",
        """orthopaedics

        lower back pain = my back giving me grief; a pain low down in my back; my back seizing up
        sciatica = a pain shooting down my leg; a hot wire down the back of my leg

        naproxen: 250 mg, 500 mg / twice daily
        codeine: 15 mg, 30 mg, 60 mg / as needed, four times daily
        amitriptyline: 10 mg, 25 mg, 50 mg / at night

        numbness; leg weakness; fever; weight loss; bladder trouble; night pain

        physiotherapy; gentle exercise; MRI scan; pain clinic referral

        I was only bending to tie a lace.; Sitting in the car is murder.; A hot bottle helps for an hour.""",
    ),
    condition_read(
        "knee arthritis",
        """orthopaedics

        knee pain = my knee playing up; a grinding knee; this sore knee
        knee stiffness = a knee that will not bend first thing; my knee being stiff as a board

        paracetamol: 500 mg, 1 g / four times daily, as needed
        diclofenac: 25 mg, 50 mg, 75 mg / twice daily, three times daily
        celecoxib: 100 mg, 200 mg / once daily, twice daily

        locking; giving way; fever; calf pain; hip pain; numbness; injury

        knee X-ray; physiotherapy; weight loss advice; knee injection

        Going down stairs is the worst.; I was a postman for years, so there you are.;
        It clicks so loud the dog looks up.""",
    ),
    condition_read(
        "shoulder",
        """orthopaedics

        shoulder pain = a shoulder that will not lift; this shoulder of mine; pain when I reach up
        neck pain = a crick in my neck; my neck being stiff and sore

        ibuprofen: 200 mg, 400 mg, 600 mg / three times daily, as needed
        diazepam: 2 mg, 5 mg / at night, as needed
        tramadol: 50 mg, 100 mg / twice daily, as needed

        arm weakness; tingling; fever; chest pain; injury; headache

        shoulder X-ray; physiotherapy; steroid injection; ultrasound scan

        I cannot hang the washing.; I slept in a funny position.; It is my bowling arm, of course.""",
    ),
    condition_read(
        "migraine",
        """neurology

        one-sided headache = a splitting head on the one side; my head pounding behind one eye
        migraine = my migraines; another migraine; these blinding heads

        sumatriptan: 50 mg, 100 mg / as needed
        topiramate: 25 mg, 50 mg / once daily, twice daily
        propranolol: 40 mg, 80 mg / twice daily, once daily
        pizotifen: 500 micrograms, 1.5 mg / at night

        fever; neck stiffness; arm weakness; vomiting; double vision; fainting; rash

        headache diary; eye test; brain scan; blood pressure check

        I have to lie in a dark room.; I see zigzags before it starts.; Red wine is a sure way to get one.""",
    ),
    condition_read(
        "neuropathy",
        """neurology

        tingling feet = pins and needles in my feet; my feet buzzing; feet that feel asleep
        burning feet = my feet burning in bed; soles on fire at night

        pregabalin: 25 mg, 75 mg, 150 mg / twice daily
        gabapentin: 100 mg, 300 mg, 400 mg / three times daily, at night
        duloxetine: 30 mg, 60 mg / once daily

        leg weakness; falls; foot ulcers; back pain; bladder trouble; weight loss

        nerve tests; vitamin B12 level; foot check; blood tests

        I kick the covers off all night.; It feels like walking on cotton wool.;
        I dropped a pan on it and hardly noticed.""",
    ),
    condition_read(
        "depression",
        """mental health

        low mood = feeling low; being down in the dumps; not being myself
        poor sleep = lying awake until all hours; waking at four and that is it
        loss of interest = not caring about anything; nothing being any fun any more

        sertraline: 25 mg, 50 mg, 100 mg, 150 mg / once daily, every morning
        mirtazapine: 15 mg, 30 mg, 45 mg / at night
        citalopram: 10 mg, 20 mg, 40 mg / once daily, every morning

        thoughts of self-harm; weight loss; panic attacks; hearing voices; chest pain; headaches

        talking therapy; sleep advice; blood tests; safety plan

        I cry at adverts, would you believe.; I have stopped going to choir.; My wife made me come.""",
    ),
    condition_read(
        "anxiety",
        """mental health

        anxiety = being on edge all the time; my nerves; worrying about every little thing
        panic attacks = these attacks where I cannot breathe; coming over all panicky in shops

        escitalopram: 5 mg, 10 mg, 20 mg / once daily, every morning
        buspirone: 5 mg, 10 mg / twice daily, three times daily
        propranolol: 10 mg, 40 mg / three times daily, as needed

        thoughts of self-harm; weight loss; fainting; chest pain; tremor; low mood

        talking therapy; breathing exercises; thyroid function; sleep advice

        I could not get on the bus this morning.; My heart goes like the clappers.; It started after we moved house.""",
    ),
    condition_read(
        "eczema",
        """dermatology

        itchy rash = this itchy rash; skin that itches like mad; red patches I cannot stop scratching
        dry cracked hands = hands cracked to bits; the skin on my hands splitting

        hydrocortisone: 0.5% cream, 1% cream / twice daily, once daily
        betamethasone: 0.025% cream, 0.1% cream / once daily, twice daily
        cetirizine: 5 mg, 10 mg / at night, once daily

        fever; weeping; blisters; joint pain; mouth ulcers; swelling; pain

        skin swab; patch testing; plenty of emollient; dermatology referral

        I scratch in my sleep.; New washing powder, that is my theory.; The heat makes it angry.""",
    ),
    condition_read(
        "acne",
        """dermatology

        facial spots = spots all over my face; breaking out like a teenager
        painful skin lumps = sore lumps along my jaw; big angry lumps under the skin

        lymecycline: 204 mg, 408 mg / once daily
        adapalene: 0.1% gel, 0.3% gel / at night
        doxycycline: 50 mg, 100 mg / once daily

        scarring; fever; joint pain; low mood; hair growth; weight gain

        skin photographs; repeat bloods; dermatology referral; gentle cleanser

        I have tried every cream in the shop.; I will not have my photo taken.; It flares before exams.""",
    ),
    condition_read(
        "cellulitis",
        """general practice

        red swollen leg = my leg going red and hot; a hot red patch on my shin
        infected cut = a cut that has gone nasty; this finger going septic

        flucloxacillin: 250 mg, 500 mg, 1 g / four times daily
        clarithromycin: 250 mg, 500 mg / twice daily
        co-amoxiclav: 375 mg, 625 mg / three times daily

        fever; shivering; numbness; calf pain; vomiting; discharge; chest pain

        skin swab; blood tests; leg elevation; wound dressing

        I drew round it in biro, look.; I caught it on a rose bush.; It throbs when I stand.""",
    ),
    condition_read(
        "sinusitis",
        """ear, nose and throat

        blocked nose = a nose like concrete; not breathing through my nose; being bunged up
        facial pain = my face aching under the eyes; a pressure across my cheeks

        mometasone: 50 micrograms, 100 micrograms / once daily, twice daily
        fluticasone: 50 micrograms, 100 micrograms / once daily, twice daily
        pseudoephedrine: 30 mg, 60 mg / three times daily, as needed

        fever; nosebleeds; ear pain; double vision; sore throat; tooth pain

        nasal rinses; allergy test; sinus scan; steam inhalation

        Food tastes of nothing.; Bending down makes it thump.; I sound like a foghorn, sorry.""",
    ),
    condition_read(
        "vertigo",
        """ear, nose and throat

        dizziness = the room spinning; coming over giddy; feeling like I am on a boat
        ringing in the ears = a whistling in my ears; this hum that never stops

        betahistine: 8 mg, 16 mg, 24 mg / three times daily, twice daily
        prochlorperazine: 3 mg, 5 mg, 10 mg / as needed, three times daily
        cinnarizine: 15 mg, 30 mg / three times daily

        hearing loss; headache; vomiting; double vision; fainting; ear pain; falls

        hearing test; balance exercises; blood pressure check; ENT referral

        I turned over in bed and off it went.; I had to hold on to the sink.; I dare not go up a ladder.""",
    ),
    condition_read(
        "insomnia",
        """general practice

        poor sleep = not sleeping; staring at the ceiling all night; waking every hour
        daytime sleepiness = nodding off at my desk; falling asleep on the bus

        melatonin: 2 mg, 3 mg, 4 mg / at night
        zopiclone: 3.75 mg, 7.5 mg / at night
        trazodone: 50 mg, 100 mg, 150 mg / at night

        loud snoring; low mood; night sweats; headaches; leg cramps; weight gain

        sleep diary; sleep clinic referral; less caffeine; thyroid function

        I have tried counting sheep and all that.; The night shifts ruined me.; I watch the clock go round.""",
    ),
    condition_read(
        "bladder",
        """urology and gynaecology

        night sweats = waking up soaked; having to change the sheets at night
        poor urine flow = standing there waiting to go; a stream that is hardly a stream
        bladder urgency = not making it to the toilet in time; having to rush to the loo

        oxybutynin: 2.5 mg, 5 mg / twice daily, three times daily
        tamsulosin: 400 micrograms, 800 micrograms / once daily, at night
        mirabegron: 25 mg, 50 mg / once daily
        clonidine: 25 micrograms, 50 micrograms / twice daily

        blood in the urine; weight loss; fever; back pain; pelvic pain; leg swelling

        urine dip; bladder diary; blood tests; pelvic scan

        It is embarrassing, to be frank.; I know every toilet in town.; I carry a spare shirt to work.""",
    ),
)
