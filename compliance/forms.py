"""What customers say of themselves. The form checks spelling; services and staff decide."""

from datetime import date

from django import forms
from django.utils import timezone

from compliance.countries import nationality_choices, residence_choices
from compliance.services import KycDetails


class KycForm(forms.Form):
    """The questions for a verified identity."""

    legal_name = forms.CharField(max_length=120, help_text="As in your passport or identity card.")
    date_of_birth = forms.DateField(widget=forms.DateInput(attrs={"type": "date"}))
    address = forms.CharField(max_length=300, widget=forms.Textarea(attrs={"rows": 3}))
    residence = forms.ChoiceField(label="Country of residence", choices=residence_choices)
    nationality = forms.ChoiceField(choices=nationality_choices)

    def clean_date_of_birth(self) -> date:
        """Refuse days that cannot be anybody's birthday."""
        born: date = self.cleaned_data["date_of_birth"]
        if born.year < 1900 or born > timezone.now().date():
            raise forms.ValidationError("Write the day on which you were born.")
        return born

    def details(self) -> KycDetails:
        """Return the answers of a valid form."""
        return KycDetails(**self.cleaned_data)
